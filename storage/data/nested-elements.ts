/**
 * Owns: the schema elements a column of a data file has to have, by the file format's own rules, for
 * whoever holds a footer against what was to be written (stats).
 * llp/0021
 */
import type { ColumnShape } from '../../src/codec/arrow-schema.ts';
import { SEQ_COLUMN } from '../../src/codec/columns.ts';
import { ELEMENT_NAME, partsOf, shapeOf } from '../../src/codec/nested-types.ts';
import type { Shape } from '../../src/codec/nested-types.ts';
import { isNestedType } from '../../src/codec/types.ts';
import type { NestedType } from '../../src/codec/types.ts';

interface WantedElement {
  readonly name: string;
  readonly fieldId: number | undefined;
  readonly repetition: 'REQUIRED' | 'OPTIONAL' | 'REPEATED';
}

/** The elements of a column, in the order of a footer. */
export function wantedElements({ name, type, fieldId }: ColumnShape): readonly WantedElement[] {
  if (isNestedType(type)) return elementsOf(name, shapeOf(type), fieldId);
  return [{ name, fieldId, repetition: name === SEQ_COLUMN ? 'REQUIRED' : 'OPTIONAL' }];
}

function elementsOf(
  name: string,
  shape: Shape,
  columnId: number | undefined,
): readonly WantedElement[] {
  const fieldId = columnId === undefined ? undefined : columnId + shape.part;
  const own = { name, fieldId, repetition: 'OPTIONAL' } as const;
  switch (shape.is) {
    case 'leaf':
      return [own];
    case 'list':
      return [
        own,
        { name: 'list', fieldId: undefined, repetition: 'REPEATED' },
        ...elementsOf(ELEMENT_NAME, shape.element, columnId),
      ];
    case 'struct':
      return [
        own,
        ...shape.members.flatMap((member) => elementsOf(member.name, member.shape, columnId)),
      ];
  }
}

/** The numbers of the leaves of a type: of its chunks in a row group, in order. */
export function leafParts(type: NestedType): readonly number[] {
  return partsOf(shapeOf(type)).flatMap((shape) => (shape.is === 'leaf' ? [shape.part] : []));
}
