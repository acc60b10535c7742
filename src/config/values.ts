/**
 * Owns: the small languages of hyp.yaml: sizes, durations, counts, addresses, with
 * their one printed form. Pure; undefined or a reason instead of an exception, because the caller
 * collects every problem. Reasons never repeat the value: it may be a secret.
 * llp/0010
 */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export const SIZE_EXPECTED = 'expected a size such as 64MiB (B, KiB, MiB, GiB, TiB)';
export const DURATION_EXPECTED = 'expected a duration such as 250ms, 5s, 1m, 12h or 30d';
export const ADDRESS_EXPECTED = 'expected a loopback address such as 127.0.0.1:7711, or off';
export const COUNT_EXPECTED = 'expected a whole number above 0';

function withUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15})\s*([A-Za-z]+)$/.exec(text);
  const unit = Object.hasOwn(units, match?.[2] ?? '') ? units[match?.[2] ?? ''] : undefined;
  if (match === null || unit === undefined) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Bytes of `64MiB`; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  return withUnit(text, SIZE_UNITS);
}

/** Milliseconds of `5s`; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  return withUnit(text, DURATION_UNITS);
}

function largestUnit(value: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, unit]) => value !== 0 && value % unit === 0);
  const [name, unit] = fitting.at(-1) ?? Object.entries(units)[0] ?? ['', 1];
  return `${value / unit}${name}`;
}

/** `64MiB` of 67108864: the largest unit that divides it; `parseSize` reads it back. */
export function formatSize(bytes: number): string {
  return largestUnit(bytes, SIZE_UNITS);
}

/** `5s` of 5000; `parseDuration` reads it back. */
export function formatDuration(ms: number): string {
  return largestUnit(ms, DURATION_UNITS);
}

/** A whole number from 1, as YAML number or as digits (a substituted value is always text). */
export function parseCount(value: string | number): number | undefined {
  const text = String(value);
  const count = Number(text);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(count) && count > 0 ? count : undefined;
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/;

/** `host:port`, `[::1]:port` or a port alone, loopback only; undefined when it is none of them. */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '127.0.0.1';
  const port = Number(match?.[3] ?? Number.NaN);
  return LOOPBACK.test(host) && port <= 65_535 ? { host, port } : undefined;
}

/** `127.0.0.1:7711`, `[::1]:7711`. */
export function formatAddress(address: { readonly host: string; readonly port: number }): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
