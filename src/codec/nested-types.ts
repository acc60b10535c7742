/**
 * Owns: lists and structs a person can declare, as text in one spelling (`list<string>`,
 * `struct<id:long,name:string>`) and as the tree that text says.
 * Invariant: the parts of a type are numbered in the order they are written, the whole is 0. A
 * column of a table gives its parts the field ids behind its own in that order: nothing else has to
 * remember them, because the type of a column never changes.
 * Not its job: values (nested-values), Iceberg's JSON (storage/iceberg/schema-json).
 * llp/0021
 */
import { invariant } from '../core/invariant.ts';
import { LIMITS } from '../core/limits.ts';
import { isNestedType, leafNamed } from './types.ts';
import type { DeclaredType, LeafType } from './types.ts';

interface PartBase {
  /** Its number: 0 is the whole. */
  readonly part: number;
  /** Leaves in it. */
  readonly leaves: number;
}

export interface LeafShape extends PartBase {
  readonly is: 'leaf';
  readonly type: LeafType;
}

export interface ListShape extends PartBase {
  readonly is: 'list';
  readonly element: Shape;
}

export interface StructShape extends PartBase {
  readonly is: 'struct';
  readonly members: readonly Member[];
}

export interface Member {
  readonly name: string;
  readonly shape: Shape;
}

export type Shape = LeafShape | ListShape | StructShape;

/** What lists call their part, here and in Parquet, Iceberg and DuckDB. */
export const ELEMENT_NAME = 'element';

const UNFIT_TEXT = /[\p{Cc}\p{Cs}]/u;
/** A name that needs no quotes in a type. */
const BARE_NAME = /^[^\s<>:,"(){}[\]]+$/;
const TOKEN = /\s*(?:([<>:,])|("(?:[^"\\]|\\.)*")|([^\s<>:,"()]+(?:\s*\([^()<>]*\))?))\s*/y;

/** Why a text is no type, for whoever wrote it. */
class TypeProblem extends Error {}

interface Parsing {
  readonly text: string;
  at: number;
  parts: number;
}

interface Token {
  readonly mark: string | undefined;
  readonly quoted: string | undefined;
  readonly word: string | undefined;
}

function next(from: Parsing): Token {
  TOKEN.lastIndex = from.at;
  const match = TOKEN.exec(from.text);
  if (match === null) {
    const what = from.at >= from.text.length ? 'it ends too early' : 'unexpected text';
    throw new TypeProblem(`${what} at character ${from.at + 1}`);
  }
  from.at = TOKEN.lastIndex;
  return { mark: match[1], quoted: match[2], word: match[3] };
}

function expectMark(from: Parsing, ...marks: readonly string[]): string {
  const at = from.at;
  const { mark } = next(from);
  if (mark !== undefined && marks.includes(mark)) return mark;
  throw new TypeProblem(`expected ${marks.join(' or ')} at character ${at + 1}`);
}

function readShape(from: Parsing, depth: number): Shape {
  const { word } = next(from);
  const part = from.parts++;
  if (from.parts > LIMITS.nestedParts + 1) {
    throw new TypeProblem(`it has more than ${LIMITS.nestedParts} parts`);
  }
  const nested = (word === 'list' || word === 'struct') && from.text[from.at] === '<';
  if (!nested) {
    const type = leafNamed(word ?? '');
    if (type === undefined)
      throw new TypeProblem(
        word === undefined ? 'a type is missing' : `${JSON.stringify(word)} is no type`,
      );
    return { is: 'leaf', part, leaves: 1, type };
  }
  if (depth === LIMITS.nestedDepth) {
    throw new TypeProblem(`lists and structs may stand in each other ${LIMITS.nestedDepth} deep`);
  }
  expectMark(from, '<');
  if (word === 'list') {
    const element = readShape(from, depth + 1);
    expectMark(from, '>');
    return { is: 'list', part, leaves: element.leaves, element };
  }
  const members = readMembers(from, depth);
  const leaves = members.reduce((sum, { shape }) => sum + shape.leaves, 0);
  return { is: 'struct', part, leaves, members };
}

function readMembers(from: Parsing, depth: number): readonly Member[] {
  const members: Member[] = [];
  const taken = new Set<string>();
  do {
    const name = memberName(next(from));
    const folded = name.toLowerCase();
    if (taken.has(folded)) {
      throw new TypeProblem(`two members are called ${name}, or differ in case only`);
    }
    taken.add(folded);
    expectMark(from, ':');
    members.push({ name, shape: readShape(from, depth + 1) });
  } while (expectMark(from, ',', '>') === ',');
  return members;
}

function memberName({ mark, quoted, word }: Token): string {
  if (mark !== undefined) throw new TypeProblem('a member is missing');
  const name = quoted === undefined ? word : quotedText(quoted);
  const fits =
    name !== undefined &&
    name !== '' &&
    Buffer.byteLength(name) <= LIMITS.columnNameBytes &&
    !UNFIT_TEXT.test(name) &&
    (quoted !== undefined || BARE_NAME.test(name));
  if (fits) return name;
  throw new TypeProblem(`a member's name has 1 to ${LIMITS.columnNameBytes} bytes of plain text`);
}

function quotedText(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

/** The one spelling of a shape. */
function spelled(shape: Shape): DeclaredType {
  switch (shape.is) {
    case 'leaf':
      return shape.type;
    case 'list':
      return `list<${spelled(shape.element)}>`;
    case 'struct': {
      const members = shape.members.map(({ name, shape: inner }) => {
        return `${BARE_NAME.test(name) ? name : JSON.stringify(name)}:${spelled(inner)}`;
      });
      return `struct<${members.join(',')}>`;
    }
  }
}

/** A type as a person may write it, in its one spelling, or why it is none. */
export function readType(
  text: string,
): { readonly type: DeclaredType } | { readonly problem: string } {
  const leaf = leafNamed(text.trim());
  if (leaf !== undefined) return { type: leaf };
  try {
    const shape = parse(text);
    const type = spelled(shape);
    const names = fullNames('', shape);
    if (new Set(names).size < names.length) {
      throw new TypeProblem('a dot in a name makes two of its parts the same to other engines');
    }
    return { type };
  } catch (error) {
    if (error instanceof TypeProblem) return { problem: error.message };
    throw error;
  }
}

/** As `readType`; undefined for a text that is no type. */
export function typeNamed(text: string): DeclaredType | undefined {
  const read = readType(text);
  return 'type' in read ? read.type : undefined;
}

function parse(text: string): Shape {
  const from = { text, at: 0, parts: 0 };
  const shape = readShape(from, 0);
  if (from.at !== text.length) throw new TypeProblem(`unexpected text at character ${from.at + 1}`);
  return shape;
}

const SHAPES_KEPT = 4096;
const shapes = new Map<string, Shape>();

/** The tree of a type in its one spelling. */
export function shapeOf(type: DeclaredType): Shape {
  const known = shapes.get(type);
  if (known !== undefined) return known;
  const shape = parse(type);
  invariant(spelled(shape) === type, 'a type is carried in its one spelling');
  if (shapes.size >= SHAPES_KEPT) shapes.clear();
  shapes.set(type, shape);
  return shape;
}

/** Columns of a data file that a column of this type is. */
export function leavesOf(type: string): number {
  return isNestedType(type) ? shapeOf(type).leaves : 1;
}

/** Field ids that a column of this type takes, its own included. */
export function idsOf(type: string): number {
  return isNestedType(type) ? partsOf(shapeOf(type)).length : 1;
}

/** Itself and everything in it, in the order of the numbers. */
export function partsOf(shape: Shape): readonly Shape[] {
  switch (shape.is) {
    case 'leaf':
      return [shape];
    case 'list':
      return [shape, ...partsOf(shape.element)];
    case 'struct':
      return [shape, ...shape.members.flatMap((member) => partsOf(member.shape))];
  }
}

/**
 * What Iceberg calls a column of this name and type and all of its parts, in lower case, dots
 * between. A table in which two of these are the same is one that engines refuse to open.
 */
export function namesIn(name: string, type: string): readonly string[] {
  const folded = name.toLowerCase();
  return isNestedType(type) ? fullNames(folded, shapeOf(type)) : [folded];
}

function fullNames(name: string, shape: Shape): readonly string[] {
  switch (shape.is) {
    case 'leaf':
      return [name];
    case 'list':
      return [name, ...fullNames(`${name}.${ELEMENT_NAME}`, shape.element)];
    case 'struct':
      return [
        name,
        ...shape.members.flatMap((member) =>
          fullNames(`${name}.${member.name.toLowerCase()}`, member.shape),
        ),
      ];
  }
}
