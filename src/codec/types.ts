/**
 * Owns: the types a person can declare, as text: `date`, `decimal(9,2)`. Being text, a type is
 * compared and carried wherever the type of a column is.
 * Not its job: what values of a type look like (convert-declared, decimals, instants), what lists
 * and structs are made of (nested-types).
 * llp/0021
 */
export const PLAIN_TYPES = [
  'boolean',
  'long',
  'double',
  'string',
  'timestamptz',
  'date',
  'binary',
] as const;
type PlainType = (typeof PLAIN_TYPES)[number];
export type DecimalType = `decimal(${number},${number})`;
/** A type without parts. */
export type LeafType = PlainType | DecimalType;
export type NestedType = `list<${string}>` | `struct<${string}>`;
export type DeclaredType = LeafType | NestedType;

const MAX_PRECISION = 38;
const DECIMAL = /^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/;

export function isNestedType(type: string): type is NestedType {
  return type.startsWith('list<') || type.startsWith('struct<');
}

export function isDecimalType(type: string): type is DecimalType {
  return type.startsWith('decimal(');
}

/** Digits in all, and behind the point; undefined when it is no decimal type Iceberg has. */
export function decimalOf(
  type: string,
): { readonly precision: number; readonly scale: number } | undefined {
  const match = DECIMAL.exec(type);
  if (match === null) return undefined;
  const precision = Number(match[1]);
  const scale = Number(match[2]);
  if (precision < 1 || precision > MAX_PRECISION || scale > precision) return undefined;
  return { precision, scale };
}

/** A leaf as people and Iceberg may write it, in its one spelling; undefined for any other text. */
export function leafNamed(text: string): LeafType | undefined {
  const plain = PLAIN_TYPES.find((known) => known === text);
  const decimal = decimalOf(text);
  return plain ?? (decimal && `decimal(${decimal.precision},${decimal.scale})`);
}
