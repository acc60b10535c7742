/**
 * Owns: one value of a row, however nested, from the columns of its leaves as JSON text: lists are
 * arrays, structs objects, maps with text keys objects, other maps arrays of {"key", "value"}.
 * Invariant (I12): levels of the leaves that contradict each other are E_CORRUPT, never a value.
 * llp/0019
 */
import { LIMITS } from '../../core/limits.ts';
import { corruptPage } from '../parquet-encodings.ts';
import type { ColumnStream } from './pages.ts';
import { BadValue, jsonText, sayerOf, tooLarge } from './said.ts';
import type { Sayer } from './said.ts';
import type { LeafNode, ListNode, MapNode, SchemaNode } from './schema.ts';

/** How each leaf of the schema is read and said. */
export interface Leaves {
  readonly streams: readonly ColumnStream[];
  readonly sayers: readonly Sayer[];
  /** Members of structs that are null are not said. */
  readonly bare?: boolean;
}

export function sayersOf(leaves: readonly { readonly type: LeafNode['type'] }[]): readonly Sayer[] {
  return leaves.map(({ type }) => sayerOf(type));
}

export function streamOf(leaves: Leaves, node: SchemaNode): ColumnStream {
  const stream = leaves.streams[node.leaves[0] ?? -1];
  if (stream === undefined) throw corruptPage('a column is missing');
  return stream;
}

/** The JSON text of the value `node` has in the current row; undefined for null. */
export function readNode(leaves: Leaves, node: SchemaNode): string | undefined {
  if (streamOf(leaves, node).def < node.def) {
    passNull(leaves, node, node.def);
    return undefined;
  }
  switch (node.is) {
    case 'leaf':
      return readLeaf(leaves, node);
    case 'struct':
      return bounded(`{${membersText(leaves, node.members)}}`);
    case 'list':
      return listText(leaves, node, () => readNode(leaves, node.element) ?? 'null');
    case 'map':
      return mapText(leaves, node);
  }
}

/** All leaves say that nothing is there from level `def` on. */
function passNull(leaves: Leaves, node: SchemaNode, def: number): void {
  for (const leaf of node.leaves) {
    const stream = leaves.streams[leaf];
    if (stream === undefined || stream.def >= def) throw corruptPage('columns of different rows');
    stream.advance();
  }
}

function readLeaf(leaves: Leaves, node: LeafNode): string {
  const stream = streamOf(leaves, node);
  const sayer = leaves.sayers[node.leaves[0] ?? -1];
  if (sayer === undefined) throw corruptPage('a column is missing');
  const text = jsonText(sayer.say(stream.value), sayer.kind);
  stream.advance();
  return text;
}

function membersText(leaves: Leaves, members: readonly SchemaNode[]): string {
  const texts: string[] = [];
  for (const member of members) {
    const text = readNode(leaves, member);
    if (text === undefined && leaves.bare === true) continue;
    texts.push(`${JSON.stringify(member.name)}:${text ?? 'null'}`);
  }
  return texts.join(',');
}

/** Calls `entry` for each; none when the list is there and empty. */
function eachEntry(leaves: Leaves, node: ListNode | MapNode, entry: () => void): void {
  const first = streamOf(leaves, node);
  if (first.def < node.entryDef) {
    passNull(leaves, node, node.entryDef);
    return;
  }
  const { row } = first;
  do {
    entry();
  } while (goesOn(leaves, node, row));
}

/** True when the next entries of all leaves belong to this list. */
function goesOn(leaves: Leaves, node: ListNode | MapNode, row: number): boolean {
  const on = node.leaves.filter((leaf) => {
    const stream = leaves.streams[leaf];
    return stream?.row === row && stream.rep === node.entryRep;
  });
  if (on.length !== 0 && on.length !== node.leaves.length) {
    throw corruptPage('columns of different lists');
  }
  return on.length > 0;
}

function listText(leaves: Leaves, node: ListNode | MapNode, entry: () => string): string {
  const texts: string[] = [];
  let length = 0;
  eachEntry(leaves, node, () => {
    const text = entry();
    length += text.length + 1;
    if (length > LIMITS.rowBytes) throw tooLarge();
    texts.push(text);
  });
  return `[${texts.join(',')}]`;
}

function mapText(leaves: Leaves, node: MapNode): string {
  const { key, value } = node;
  const sayer = leaves.sayers[key.leaves[0] ?? -1];
  const byText = key.is === 'leaf' && sayer?.kind === 'string';
  const valueText = (): string =>
    (value === undefined ? undefined : readNode(leaves, value)) ?? 'null';
  if (!byText) {
    return listText(leaves, node, () => {
      return `{"key":${readNode(leaves, key) ?? 'null'},"value":${valueText()}}`;
    });
  }
  const names = new Set<string>();
  const members = listText(leaves, node, () => {
    const name = readNode(leaves, key);
    if (name === undefined || names.has(name)) {
      throw new BadValue(
        name === undefined ? 'a map with a key of null' : `a map with two keys ${name}`,
      );
    }
    names.add(name);
    return `${name}:${valueText()}`;
  });
  return `{${members.slice(1, -1)}}`;
}

function bounded(text: string): string {
  if (text.length > LIMITS.rowBytes) throw tooLarge();
  return text;
}
