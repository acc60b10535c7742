/**
 * Owns: partition templates such as `dt={_hyp_ingested_at:day}/{host}`, and which rows of a batch
 * go where. A pure function of template and rows: the same rows go to the same paths for ever (I8).
 * Columnar: each distinct value is rendered once per batch, rows are numbers.
 *
 * | in the template | becomes |
 * | `{column}` | the value: text, number, true or false, a time in UTC with microseconds |
 * | `{column:year}` `:month` `:day` `:hour` | `2026` `2026-11` `2026-11-21` `2026-11-21-10`, UTC |
 * | null, an empty text, no such column, no time where one is wanted | the hive null |
 *
 * Not its job: how many parts a unit may have, and what they are called (object-key).
 * llp/0009
 */
import { columnNamed } from '../../src/codec/columns.ts';
import type { CodedBatch } from '../../src/codec/columns.ts';
import { plainColumn } from '../../src/codec/dictionary.ts';
import { HypError } from '../../src/core/errors.ts';
import { defined, invariant } from '../../src/core/invariant.ts';
import { PREFIX_BYTES } from './object-key.ts';
import { HIVE_NULL, VALUE_BYTES, columnTexts } from './partition-value.ts';
import type { ColumnTexts, TimeUnit } from './partition-value.ts';

const SEGMENT_BYTES = 220;
const PATH_BYTES = 600;
const UNITS: readonly TimeUnit[] = ['year', 'month', 'day', 'hour'];
const NOT_LITERAL = /[^A-Za-z0-9_.=+-]/;

// Prefix, dataset, path and file name together fit the 1,024 bytes of a key.
invariant(PREFIX_BYTES + 64 + PATH_BYTES + 100 < 1024, 'every key fits');

export interface PartitionField {
  readonly column: string;
  readonly unit: TimeUnit | undefined;
}

/** Literal texts and fields of one name of the path, in order. */
export type PartitionSegment = readonly (string | PartitionField)[];

export interface PartitionTemplate {
  /** As given, kept in the encoder of a unit; '' for none. */
  readonly text: string;
  readonly segments: readonly PartitionSegment[];
}

/**
 * The template of `text`; '' has no segments. E_CONFIG with `details.position`, the 0-based place
 * in `text`, when it is not one.
 */
export function parsePartition(text: string): PartitionTemplate {
  if (text === '') return { text, segments: [] };
  let position = 0;
  let pathBytes = 0;
  const segments = splitSegments(text).map((name) => {
    const segment = parseSegment(text, name, position);
    const bytes = segment.reduce(
      (sum, piece) => sum + (typeof piece === 'string' ? piece.length : VALUE_BYTES),
      2, // the first character may have to be encoded
    );
    pathBytes += bytes + 1;
    if (bytes > SEGMENT_BYTES || pathBytes > PATH_BYTES) {
      throw badTemplate(text, position, 'the path could become too long');
    }
    position += name.length + 1;
    return segment;
  });
  return { text, segments };
}

/** Cut at the slashes outside of braces: column names may hold one. */
function splitSegments(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    const sign = text[at];
    if (sign === '{') depth = 1;
    else if (sign === '}') depth = 0;
    if (sign === undefined || (sign === '/' && depth === 0)) {
      names.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return names;
}

function parseSegment(text: string, name: string, position: number): PartitionSegment {
  if (name === '') throw badTemplate(text, position, 'a name between slashes is empty');
  if (/^[._]/.test(name)) {
    throw badTemplate(text, position, 'a name begins with "." or "_", which readers skip');
  }
  const pieces: (string | PartitionField)[] = [];
  let at = 0;
  for (const match of name.matchAll(/\{([^{}]*)\}/g)) {
    if (match.index > at) pieces.push(literal(text, name.slice(at, match.index), position + at));
    pieces.push(field(text, match[1] ?? '', position + match.index + 1));
    at = match.index + match[0].length;
  }
  if (at < name.length) pieces.push(literal(text, name.slice(at), position + at));
  return pieces;
}

function literal(text: string, piece: string, position: number): string {
  if (!NOT_LITERAL.test(piece)) return piece;
  const bad = piece.search(NOT_LITERAL);
  throw badTemplate(text, position + bad, `${JSON.stringify(piece[bad])} is not allowed here`);
}

function field(text: string, inside: string, position: number): PartitionField {
  const cut = inside.lastIndexOf(':');
  const column = cut < 0 ? inside : inside.slice(0, cut);
  if (column === '') throw badTemplate(text, position, 'the name of a column is missing');
  if (cut < 0) return { column, unit: undefined };
  const unit = UNITS.find((known) => known === inside.slice(cut + 1));
  if (unit === undefined) {
    const given = JSON.stringify(inside.slice(cut + 1));
    throw badTemplate(text, position + cut + 1, `unknown unit ${given}`);
  }
  return { column, unit };
}

function badTemplate(text: string, position: number, reason: string): HypError {
  return new HypError(
    'E_CONFIG',
    `bad partition template ${JSON.stringify(text)} at character ${position + 1}: ${reason}`,
    {
      hint: `Write names with {column} or {column:unit}, "/" between them; units: ${UNITS.join(', ')}.`,
      details: { position, reason },
    },
  );
}

/** Rows that go to the same path, found so far. */
interface Grouping {
  /** Group of each row. */
  readonly groups: Int32Array;
  /** One row of each group, in order of first appearance. */
  readonly firstRows: readonly number[];
}

/**
 * Rows of `batch` by partition path, each list in order, paths in order of first appearance. No
 * template: one group with path ''. No row: an empty map.
 */
export function splitByPartition(
  template: PartitionTemplate,
  batch: CodedBatch,
): Map<string, Int32Array> {
  if (batch.rows === 0) return new Map();
  if (template.segments.length === 0) return new Map([['', allRows(batch.rows)]]);
  const texts = new Map<PartitionField, ColumnTexts>();
  let grouping: Grouping = { groups: new Int32Array(batch.rows), firstRows: [0] };
  for (const piece of template.segments.flat()) {
    if (typeof piece === 'string') continue;
    const column = columnNamed(batch, piece.column);
    const plain = column && plainColumn(column, batch.rows);
    const found = columnTexts(plain, piece.unit, batch.rows);
    texts.set(piece, found);
    grouping = refine(grouping, found);
  }
  const paths = grouping.firstRows.map((row) => pathOf(template, texts, row));
  return rowsByPath(grouping.groups, paths);
}

function allRows(rows: number): Int32Array {
  const all = new Int32Array(rows);
  for (let row = 0; row < rows; row++) all[row] = row;
  return all;
}

/** Groups that agree in one more column; numbers stay dense, so they never overflow. */
function refine(grouping: Grouping, { codes, texts, firstRows: first }: ColumnTexts): Grouping {
  if (texts.length === 1) return grouping;
  if (grouping.firstRows.length === 1) return { groups: codes, firstRows: first };
  const known = new Map<number, number>();
  const groups = new Int32Array(codes.length);
  const firstRows: number[] = [];
  for (let row = 0; row < codes.length; row++) {
    const key = (grouping.groups[row] ?? 0) * texts.length + (codes[row] ?? 0);
    let group = known.get(key);
    if (group === undefined) {
      group = firstRows.push(row) - 1;
      known.set(key, group);
    }
    groups[row] = group;
  }
  return { groups, firstRows };
}

function pathOf(
  template: PartitionTemplate,
  texts: ReadonlyMap<PartitionField, ColumnTexts>,
  row: number,
): string {
  return template.segments
    .map((segment) => {
      const pieces = segment.map((piece) => {
        if (typeof piece === 'string') return piece;
        const found = defined(texts.get(piece), 'every field has its texts');
        return defined(found.texts[found.codes[row] ?? 0], 'every code has its text');
      });
      return safeName(pieces.join(''));
    })
    .join('/');
}

/** Readers skip names that begin with `_` or `.`, and `.` and `..` are not names at all. */
function safeName(name: string): string {
  if (name === HIVE_NULL || !/^[._]/.test(name)) return name;
  return `${name.startsWith('.') ? '%2E' : '%5F'}${name.slice(1)}`;
}

/** Groups may share a path (`{a}{b}` with "x","yz" and "xy","z"): their rows stay in order. */
function rowsByPath(groups: Int32Array, paths: readonly string[]): Map<string, Int32Array> {
  const order = [...new Set(paths)];
  const places = new Map(order.map((path, place) => [path, place]));
  const placeOf = Int32Array.from(paths, (path) => places.get(path) ?? 0);
  const counts = new Int32Array(order.length);
  for (const group of groups) {
    const place = placeOf[group] ?? 0;
    counts[place] = (counts[place] ?? 0) + 1;
  }
  const lists = order.map((_path, place) => new Int32Array(counts[place] ?? 0));
  const filled = new Int32Array(order.length);
  for (let row = 0; row < groups.length; row++) {
    const place = placeOf[groups[row] ?? 0] ?? 0;
    const at = filled[place] ?? 0;
    filled[place] = at + 1;
    const list = lists[place];
    if (list !== undefined) list[at] = row;
  }
  return new Map(order.map((path, place) => [path, lists[place] ?? new Int32Array(0)]));
}
