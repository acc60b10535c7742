/**
 * Owns: the schema of any Parquet file as a tree of what a row holds, with the levels at which each
 * part is there (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md, the rules for
 * lists and maps of old writers included).
 * llp/0019
 */
import { corrupt, intOf, textOf } from '../thrift-fields.ts';
import type { ThriftStruct } from '../thrift.ts';
import { CONVERTED, ELEMENT, LOGICAL, REPETITION, logicalOf } from '../parquet-annotations.ts';
import { leafType } from './meaning.ts';
import type { LeafType } from './meaning.ts';

interface NodeBase {
  readonly name: string;
  /** Definition level from which on it is not null. */
  readonly def: number;
  /** Leaves below it, by their order in the file; never empty. */
  readonly leaves: readonly number[];
}

export interface LeafNode extends NodeBase {
  readonly is: 'leaf';
  readonly type: LeafType;
}

export interface StructNode extends NodeBase {
  readonly is: 'struct';
  readonly members: readonly SchemaNode[];
}

interface RepeatedBase extends NodeBase {
  /** Definition level from which on it has an entry, and the repetition level of the next one. */
  readonly entryDef: number;
  readonly entryRep: number;
}

export interface ListNode extends RepeatedBase {
  readonly is: 'list';
  readonly element: SchemaNode;
}

export interface MapNode extends RepeatedBase {
  readonly is: 'map';
  readonly key: SchemaNode;
  /** undefined: a map of keys only. */
  readonly value: SchemaNode | undefined;
}

export type SchemaNode = LeafNode | StructNode | ListNode | MapNode;

/** One leaf: its type and its highest levels. */
export interface LeafColumn {
  readonly type: LeafType;
  readonly maxDef: number;
  readonly maxRep: number;
}

export interface InputSchema {
  readonly columns: readonly SchemaNode[];
  readonly leaves: readonly LeafColumn[];
}

/** Groups in groups; a level is a byte. */
const DEPTH_MAX = 100;

interface Element {
  readonly struct: ThriftStruct;
  readonly name: string;
  readonly repetition: number;
  readonly children: readonly Element[];
}

interface Levels {
  readonly def: number;
  readonly rep: number;
}

/** The elements, which stand in the order of a walk, as a tree. */
function treeOf(elements: readonly ThriftStruct[]): Element {
  let next = 0;
  const take = (depth: number): Element => {
    const struct = elements[next++];
    if (struct === undefined || depth > DEPTH_MAX) throw corrupt('a schema that does not end');
    const name = textOf(struct, ELEMENT.name);
    if (name === undefined) throw corrupt('a column without a name');
    const count = intOf(struct, ELEMENT.children) ?? 0;
    if (count < 0 || count > elements.length) throw corrupt('a group of no size');
    const children = Array.from({ length: count }, () => take(depth + 1));
    return { struct, name, repetition: intOf(struct, ELEMENT.repetition) ?? 0, children };
  };
  const root = take(0);
  if (next !== elements.length) throw corrupt('columns outside of the schema');
  return root;
}

function isList({ struct, children }: Element): boolean {
  const listed =
    logicalOf(struct)?.[0] === LOGICAL.list || intOf(struct, ELEMENT.converted) === CONVERTED.list;
  return listed && children.length === 1 && children[0]?.repetition === REPETITION.repeated;
}

function isMap({ struct, children }: Element): boolean {
  const mapped =
    logicalOf(struct)?.[0] === LOGICAL.map ||
    CONVERTED.map.includes(intOf(struct, ELEMENT.converted) ?? -1);
  const [entries] = children;
  return (
    mapped &&
    children.length === 1 &&
    entries?.repetition === REPETITION.repeated &&
    (entries.children.length === 1 || entries.children.length === 2)
  );
}

/** The element of a list's repeated child: the child itself, or the only thing in it. */
function elementOf(list: Element, repeated: Element): Element | undefined {
  const [only, ...others] = repeated.children;
  if (only === undefined || others.length > 0 || only.repetition === REPETITION.repeated)
    return undefined;
  if (repeated.name === 'array' || repeated.name === `${list.name}_tuple`) return undefined;
  return only;
}

class Walk {
  readonly leaves: LeafColumn[] = [];

  node(element: Element, above: Levels): SchemaNode {
    if (element.repetition === REPETITION.repeated) return this.#bareList(element, above);
    const levels = {
      def: above.def + (element.repetition === REPETITION.optional ? 1 : 0),
      rep: above.rep,
    };
    const [only] = element.children;
    if (only !== undefined && isList(element)) return this.#list(element, only, levels);
    if (only !== undefined && isMap(element)) return this.#map(element, only, levels);
    return this.#plain(element, levels);
  }

  /** Neither list nor map, whatever its repetition. */
  #plain(element: Element, levels: Levels): SchemaNode {
    const { name, struct } = element;
    const { def } = levels;
    if (element.children.length === 0) {
      if (struct.get(ELEMENT.type) === undefined) throw corrupt(`a group without columns: ${name}`);
      const type = leafType(struct);
      this.leaves.push({ type, maxDef: def, maxRep: levels.rep });
      return { is: 'leaf', name, def, leaves: [this.leaves.length - 1], type };
    }
    const members = element.children.map((child) => this.node(child, levels));
    return { is: 'struct', name, def, members, leaves: leavesOf(members) };
  }

  /** A repeated column that nothing calls a list: it is never null. */
  #bareList(element: Element, above: Levels): SchemaNode {
    const entry = { def: above.def + 1, rep: above.rep + 1 };
    const inner = this.#plain(element, entry);
    return this.#repeated({ name: element.name, def: above.def }, entry, inner);
  }

  #list(list: Element, repeated: Element, levels: Levels): SchemaNode {
    const entry = { def: levels.def + 1, rep: levels.rep + 1 };
    const element = elementOf(list, repeated);
    const inner = element === undefined ? this.#plain(repeated, entry) : this.node(element, entry);
    return this.#repeated({ name: list.name, def: levels.def }, entry, inner);
  }

  #repeated(base: Pick<NodeBase, 'name' | 'def'>, entry: Levels, element: SchemaNode): SchemaNode {
    const { leaves } = element;
    return { is: 'list', ...base, entryDef: entry.def, entryRep: entry.rep, element, leaves };
  }

  #map(map: Element, entries: Element, levels: Levels): SchemaNode {
    const entry = { def: levels.def + 1, rep: levels.rep + 1 };
    const [key, value] = entries.children.map((child) => this.node(child, entry));
    if (key === undefined) throw corrupt(`a map without keys: ${map.name}`);
    const leaves = leavesOf(value === undefined ? [key] : [key, value]);
    const { name } = map;
    const levelsOf = { def: levels.def, entryDef: entry.def, entryRep: entry.rep };
    return { is: 'map', name, ...levelsOf, key, value, leaves };
  }
}

function leavesOf(nodes: readonly SchemaNode[]): readonly number[] {
  return nodes.flatMap((node) => node.leaves);
}

/** The tree of a footer's schema elements. E_CORRUPT when they are no tree. */
export function readSchema(elements: readonly ThriftStruct[]): InputSchema {
  const root = treeOf(elements);
  const walk = new Walk();
  const columns = root.children.map((child) => walk.node(child, { def: 0, rep: 0 }));
  return { columns, leaves: walk.leaves };
}
