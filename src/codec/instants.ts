/**
 * Owns: instants as text: RFC 3339 in UTC with microseconds, and back; days likewise.
 * llp/0004, llp/0021
 */

const MICROS_PER_MS = 1000n;
const MICROS_PER_MINUTE = 60_000_000n;
const PATTERN =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
/** What `Date` can say; microseconds beyond it are not instants anyone writes. */
const MAX_DATE_MS = 8_640_000_000_000_000n;
/** The years 0000 to 9999: the instants whose text is read back. */
const FIRST_MICROS = -62_167_219_200_000_000n;
const LAST_MICROS = 253_402_300_799_999_999n;
const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

/**
 * `2026-11-21T10:00:00.000000Z`; years outside 0000 … 9999 have a sign and six digits. undefined
 * for an instant more than 100 million days from 1970.
 */
export function instantText(micros: bigint): string | undefined {
  let ms = micros / MICROS_PER_MS;
  let rest = micros % MICROS_PER_MS;
  if (rest < 0n) {
    ms -= 1n;
    rest += MICROS_PER_MS;
  }
  if (ms > MAX_DATE_MS || ms < -MAX_DATE_MS) return undefined;
  const text = new Date(Number(ms)).toISOString();
  return `${text.slice(0, -1)}${rest.toString().padStart(3, '0')}Z`;
}

/**
 * Microseconds since the epoch of an RFC 3339 date-time with at most six digits of a second.
 * undefined for anything else: no zone, a leap second, a day that does not exist, or an instant
 * that its zone puts outside the years 0000 … 9999 of UTC, whose text would not be read back.
 */
export function parseInstant(text: string): bigint | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, sign, offHour, offMinute] = match;
  const plain = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const ms = Date.parse(`${plain}Z`);
  // Date.parse takes the 31st of February for a day of March.
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(plain)) return undefined;
  if (Number(offHour ?? 0) > 23 || Number(offMinute ?? 0) > 59) return undefined;
  const shift = BigInt(offHour ?? 0) * 60n + BigInt(offMinute ?? 0);
  const local = BigInt(ms) * MICROS_PER_MS + BigInt((fraction ?? '').padEnd(6, '0'));
  const micros = local - (sign === '-' ? -shift : shift) * MICROS_PER_MINUTE;
  return micros < FIRST_MICROS || micros > LAST_MICROS ? undefined : micros;
}

/** `2026-11-21`; `days` since 1970-01-01, of the years 0000 … 9999. */
export function dayText(days: bigint): string | undefined {
  const date = new Date(Number(days) * DAY_MS);
  if (Number.isNaN(date.getTime())) return undefined;
  return date.toISOString().slice(0, -'T00:00:00.000Z'.length);
}

/** Days since 1970-01-01 of `2026-11-21`; undefined for anything else, the 30th of February too. */
export function parseDay(text: string): bigint | undefined {
  if (!DAY.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(text)) return undefined;
  return BigInt(ms / DAY_MS);
}
