/**
 * Owns: the schema elements of a Parquet file as one group for each column, and which list or struct
 * a group is: lists of three levels (`list`, `element`), every part optional, field ids as hyp
 * numbers them (nested-types) where there are any.
 * Invariant (I12): elements that are no tree are E_CORRUPT.
 * Not its job: leaves (parquet-element), Parquet files of others (parquet-input).
 * llp/0021
 */
import { CONVERTED, ELEMENT, LOGICAL, REPETITION, logicalOf } from './parquet-annotations.ts';
import { elementType } from './parquet-element.ts';
import { partsOf, shapeOf, typeNamed } from './nested-types.ts';
import { corrupt, intOf, textOf } from './thrift-fields.ts';
import type { ThriftStruct } from './thrift.ts';
import { isNestedType } from './types.ts';
import type { NestedType } from './types.ts';

/** The element of a column and those below it, in the file's order. */
export interface ColumnElements {
  readonly element: ThriftStruct;
  readonly below: readonly ThriftStruct[];
}

interface Node {
  readonly element: ThriftStruct;
  readonly children: readonly Node[];
}

/** Groups in groups; a level is a byte. */
const DEPTH_MAX = 100;

function childrenOf(element: ThriftStruct): number {
  return intOf(element, ELEMENT.children) ?? 0;
}

/** The elements behind the root's, column by column. */
export function columnElements(elements: readonly ThriftStruct[]): ColumnElements[] {
  const columns: ColumnElements[] = [];
  for (let at = 0; at < elements.length;) {
    let end = at;
    for (let open = 1; open > 0; open--, end++) {
      const element = elements[end];
      if (element === undefined) throw corrupt('a schema that does not end');
      const children = childrenOf(element);
      if (children < 0 || children > elements.length) throw corrupt('a group of no size');
      open += children;
    }
    const [element = new Map(), ...below] = elements.slice(at, end);
    columns.push({ element, below });
    at = end;
  }
  return columns;
}

/** Chunks a column has in a row group: one for each leaf. */
export function chunkCount({ below }: Pick<ColumnElements, 'below'>): number {
  return below.length === 0 ? 1 : below.filter((element) => childrenOf(element) === 0).length;
}

function nodeOf({ element, below }: ColumnElements): Node {
  let next = 0;
  const take = (own: ThriftStruct, depth: number): Node => {
    if (depth > DEPTH_MAX) throw corrupt('a schema that does not end');
    const children = Array.from({ length: childrenOf(own) }, () =>
      take(below[next++] ?? new Map(), depth + 1),
    );
    return { element: own, children };
  };
  return take(element, 0);
}

/** The type's text, as `typeNamed` reads it; undefined for what hyp does not write. */
function textFor({ element, children }: Node): string | undefined {
  if (intOf(element, ELEMENT.repetition) !== REPETITION.optional) return undefined;
  const [only, ...others] = children;
  if (only === undefined) return elementType(element);
  if (isListed(element)) {
    const [inner, ...more] = only.children;
    const three = intOf(only.element, ELEMENT.repetition) === REPETITION.repeated;
    if (others.length > 0 || inner === undefined || more.length > 0 || !three) return undefined;
    const text = textFor(inner);
    return text && `list<${text}>`;
  }
  if (logicalOf(element) !== undefined || element.has(ELEMENT.converted)) return undefined;
  const members = children.map((child) => {
    const text = textFor(child);
    return text && `${JSON.stringify(textOf(child.element, ELEMENT.name) ?? '')}:${text}`;
  });
  return members.includes(undefined) ? undefined : `struct<${members.join(',')}>`;
}

function isListed(element: ThriftStruct): boolean {
  return (
    logicalOf(element)?.[0] === LOGICAL.list || intOf(element, ELEMENT.converted) === CONVERTED.list
  );
}

/** The list or struct of these elements; undefined when it is none that hyp writes. */
export function nestedTypeOf(column: ColumnElements): NestedType | undefined {
  const type = typeNamed(textFor(nodeOf(column)) ?? '');
  if (type === undefined || !isNestedType(type)) return undefined;
  const id = intOf(column.element, ELEMENT.id);
  const below = column.below.filter((element) => {
    return intOf(element, ELEMENT.repetition) !== REPETITION.repeated;
  });
  const [, ...parts] = partsOf(shapeOf(type));
  const same = parts.every(({ part }, at) => {
    const element = below[at];
    const own = element && intOf(element, ELEMENT.id);
    return own === (id === undefined ? undefined : id + part);
  });
  return same ? type : undefined;
}
