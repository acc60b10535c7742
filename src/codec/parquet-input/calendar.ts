/**
 * Owns: Parquet's days, times and instants as text, exact over their whole range, in the calendar
 * of ISO 8601 (Gregorian, also before 1582).
 * Pure.
 * llp/0019
 */
import type { TimeDigits } from './meaning.ts';

const DAYS_PER_ERA = 146_097;
/** Days from 0000-03-01 to 1970-01-01. */
const EPOCH_SHIFT_DAYS = 719_468;
const SECONDS_PER_DAY = 86_400n;

function two(value: number | bigint): string {
  return value.toString().padStart(2, '0');
}

/** Four digits; outside of 0000 … 9999 a sign and at least six. */
function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return year.toString().padStart(4, '0');
  return `${year < 0 ? '-' : '+'}${Math.abs(year).toString().padStart(6, '0')}`;
}

/** The day `days` after 1970-01-01, by eras of 400 years that begin in March. */
export function dateText(days: number): string {
  const shifted = days + EPOCH_SHIFT_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${two(month)}-${two(day)}`;
}

/** Hours to seconds, and the fraction: nanoseconds that are whole microseconds have six digits. */
function clockText(seconds: bigint, fraction: bigint, digits: TimeDigits): string {
  const time = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map(two).join(':');
  const shown = fraction.toString().padStart(digits, '0');
  return `${time}.${digits === 9 && shown.endsWith('000') ? shown.slice(0, 6) : shown}`;
}

/** A count of units since midnight; 24:00 is one. undefined outside of the day. */
export function timeText(count: bigint, digits: TimeDigits, utc: boolean): string | undefined {
  const perSecond = 10n ** BigInt(digits);
  if (count < 0n || count > SECONDS_PER_DAY * perSecond) return undefined;
  return clockText(count / perSecond, count % perSecond, digits) + (utc ? 'Z' : '');
}

/** A count of units since 1970: RFC 3339, with Z when it is UTC and without a zone when it has none. */
export function instantText(count: bigint, digits: TimeDigits, utc: boolean): string {
  const perSecond = 10n ** BigInt(digits);
  const perDay = SECONDS_PER_DAY * perSecond;
  let days = count / perDay;
  let rest = count % perDay;
  if (rest < 0n) {
    days -= 1n;
    rest += perDay;
  }
  const clock = clockText(rest / perSecond, rest % perSecond, digits);
  return `${dateText(Number(days))}T${clock}${utc ? 'Z' : ''}`;
}

/** Months, days and milliseconds, each by itself: ISO 8601. */
export function intervalText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [months, days, millis] = [0, 4, 8].map((at) => view.getUint32(at, true));
  const ms = millis ?? 0;
  return `P${months ?? 0}M${days ?? 0}DT${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}S`;
}
