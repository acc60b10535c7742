/**
 * Owns: the distinct values of a column as names of a path: percent-encoded, bounded, UTC.
 * A value never becomes `/`, `..` or anything a file system reads in its own way: only
 * A-Z a-z 0-9 _ . - stay as they are. A name of more than 96 bytes keeps its beginning and ends in
 * `~` and 16 digits of its SHA-256 (`~` occurs in no other name).
 * llp/0009
 */
import { isValid } from '../../src/codec/columns.ts';
import { textForm } from '../../src/codec/text-form.ts';
import type { Column, LongColumn, TextColumn } from '../../src/codec/columns.ts';
import { sha256Hex } from '../../src/core/digest.ts';

/** What hive, Spark and DuckDB read as null. */
export const HIVE_NULL = '__HIVE_DEFAULT_PARTITION__';
/** A rendered value has at most this many bytes. */
export const VALUE_BYTES = 96;
const DIGEST_DIGITS = 16;
const KEPT_BYTES = VALUE_BYTES - DIGEST_DIGITS - 1;

export type TimeUnit = 'year' | 'month' | 'day' | 'hour';

/** `texts[codes[row]]` is the name of the row's value; there is at least one text. */
export interface ColumnTexts {
  readonly codes: Int32Array;
  readonly texts: readonly string[];
  /** The first row of each code; codes are in order of first appearance. */
  readonly firstRows: readonly number[];
}

/** Values of one column as names; an absent column has nulls only. */
export function columnTexts(
  given: Column | undefined,
  unit: TimeUnit | undefined,
  rows: number,
): ColumnTexts {
  const names = new Names(rows);
  const isDay = given?.type === 'date' && unit !== undefined;
  const column = isDay ? midnights(given) : given && textForm(given);
  switch (column?.type) {
    case undefined:
      for (let row = 0; row < rows; row++) names.put(row, null, () => HIVE_NULL);
      break;
    case 'string':
    case 'json':
      putTexts(names, column, unit, rows);
      break;
    case 'timestamptz':
      putTimes(names, column, unit, rows);
      break;
    case 'boolean':
      putScalars(names, column, rows, (row) =>
        unit === undefined ? ((column.values[row >> 3] ?? 0) >> (row & 7)) % 2 === 1 : null,
      );
      break;
    case 'long':
      putScalars(names, column, rows, (row) => (unit === undefined ? column.values[row] : null));
      break;
    case 'double':
      putScalars(names, column, rows, (row) => (unit === undefined ? column.values[row] : null));
      break;
  }
  return names;
}

const DAY_MICROS = 86_400_000_000n;

/** Dates as the instants they begin at in UTC. */
function midnights(column: LongColumn): LongColumn & { readonly type: 'timestamptz' } {
  return { ...column, type: 'timestamptz', values: column.values.map((day) => day * DAY_MICROS) };
}

type Scalar = string | number | bigint | boolean | null;

/** Gives each distinct value a code, and renders it once. */
class Names implements ColumnTexts {
  readonly codes: Int32Array;
  readonly texts: string[] = [];
  readonly firstRows: number[] = [];
  readonly #known = new Map<Scalar, number>();

  constructor(rows: number) {
    this.codes = new Int32Array(rows);
  }

  put(row: number, value: Scalar, render: () => string): void {
    let code = this.#known.get(value);
    if (code === undefined) {
      code = this.texts.push(render()) - 1;
      this.firstRows.push(row);
      this.#known.set(value, code);
    }
    this.codes[row] = code;
  }

  /** Same value as the row before. */
  repeat(row: number): void {
    this.codes[row] = this.codes[row - 1] ?? 0;
  }
}

function putScalars(
  names: Names,
  column: Column,
  rows: number,
  valueAt: (row: number) => Scalar | undefined,
): void {
  for (let row = 0; row < rows; row++) {
    const value = isValid(column, row) ? (valueAt(row) ?? null) : null;
    names.put(row, value, () => valueName(value === null ? '' : String(value)));
  }
}

function putTexts(
  names: Names,
  column: TextColumn,
  unit: TimeUnit | undefined,
  rows: number,
): void {
  const { offsets, values } = column;
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  let lastFrom = 0;
  let lastTo = -1; // the row before was null, or there is none
  for (let row = 0; row < rows; row++) {
    const from = offsets[row] ?? 0;
    const to = offsets[row + 1] ?? 0;
    if (!isValid(column, row)) {
      lastTo = -1;
      names.put(row, null, () => HIVE_NULL);
    } else if (lastTo >= 0 && bytes.compare(bytes, lastFrom, lastTo, from, to) === 0) {
      names.repeat(row);
    } else {
      [lastFrom, lastTo] = [from, to];
      // Latin-1 keeps every byte apart and is the cheapest key; what is rendered is UTF-8.
      names.put(row, bytes.toString('latin1', from, to), () => {
        const text = bytes.toString('utf8', from, to);
        if (unit === undefined) return valueName(text);
        const micros = parseRfc3339(text);
        return micros === undefined ? HIVE_NULL : timeName(micros, unit);
      });
    }
  }
}

/** Times mostly rise: a row in the same hour as the one before needs one comparison. */
function putTimes(
  names: Names,
  column: LongColumn,
  unit: TimeUnit | undefined,
  rows: number,
): void {
  const width = unit === undefined ? 1n : HOUR_MICROS;
  let from = 1n;
  let to = 0n;
  for (let row = 0; row < rows; row++) {
    const micros = column.values[row] ?? 0n;
    if (!isValid(column, row)) {
      to = from; // an empty span: the next row is looked at
      names.put(row, null, () => HIVE_NULL);
    } else if (micros >= from && micros < to) {
      names.repeat(row);
    } else {
      from = floorTo(micros, width);
      to = from + width;
      names.put(row, from, () => timeName(micros, unit));
    }
  }
}

const HOUR_MICROS = 3_600_000_000n;

function floorTo(micros: bigint, width: bigint): bigint {
  const rest = micros % width;
  return micros - (rest < 0n ? rest + width : rest);
}

const UNIT_LENGTH: Record<TimeUnit, number> = { year: 4, month: 7, day: 10, hour: 13 };

/** A time in UTC, cut to `unit`; the hive null for years that do not have four digits. */
export function timeName(micros: bigint, unit: TimeUnit | undefined): string {
  const millis = floorTo(micros, 1000n);
  const date = new Date(Number(millis / 1000n));
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) return HIVE_NULL;
  const iso = date.toISOString();
  if (unit !== undefined) return iso.slice(0, UNIT_LENGTH[unit]).replace('T', '-');
  const rest = (micros - millis).toString().padStart(3, '0');
  return valueName(`${iso.slice(0, -1)}${rest}Z`);
}

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Microseconds since the epoch of an RFC 3339 date and time with its zone, or undefined. */
export function parseRfc3339(text: string): bigint | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour, zoneMinute] =
    match;
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // 30 February rolls over into March; a leap second counts as the one before it.
  if (date.getUTCDate() !== Number(day) || date.getUTCMonth() !== Number(month) - 1)
    return undefined;
  if (h > 23 || m > 59 || s > 60) return undefined;
  const [zh, zm] = [Number(zoneHour ?? 0), Number(zoneMinute ?? 0)];
  if (zh > 23 || zm > 59) return undefined;
  const zone = (sign === '-' ? -1 : 1) * (zh * 60 + zm);
  const seconds = date.getTime() / 1000 + (h * 60 + m - zone) * 60 + Math.min(s, 59);
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** A value as a name of a path; empty and null are one, as for hive. */
export function valueName(value: string): string {
  if (value === '') return HIVE_NULL;
  const name = value === HIVE_NULL ? `%5F${value.slice(1)}` : percentEncode(value);
  if (name.length <= VALUE_BYTES) return name;
  const kept = name.slice(0, KEPT_BYTES).replace(/%.?$/, '');
  return `${kept}~${sha256Hex(value).slice(0, DIGEST_DIGITS)}`;
}

function percentEncode(value: string): string {
  if (/^[A-Za-z0-9_.-]+$/.test(value)) return value;
  let name = '';
  for (const byte of Buffer.from(value, 'utf8')) {
    const sign = String.fromCharCode(byte);
    name += /[A-Za-z0-9_.-]/.test(sign)
      ? sign
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    // Longer names are cut anyway: 8 MiB of text need not be encoded for it.
    if (name.length > VALUE_BYTES + 3) break;
  }
  return name;
}
