/**
 * Owns: arbitrary values for columns of declared types: values of the type in every spelling, near
 * misses, and anything else JSON can say; and when two texts of such a value are equal. Shares no
 * code with the codec it judges.
 * llp/0021
 */
import fc from 'fast-check';
import { exactRow } from './exact-json.ts';

function two(value: number): string {
  return String(value).padStart(2, '0');
}

const year = fc.oneof(
  fc.integer({ min: 0, max: 9999 }),
  fc.constantFrom(0, 1, 1969, 1970, 2024, 9999),
);
const dayText = fc
  .tuple(year, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 }))
  .map(([y, m, d]) => `${String(y).padStart(4, '0')}-${two(m)}-${two(d)}`);
const timeText = fc
  .tuple(fc.integer({ min: 0, max: 24 }), fc.nat(59), fc.nat(60))
  .map((parts) => parts.map(two).join(':'));
const fraction = fc.oneof(
  fc.constant(''),
  fc.stringMatching(/^\.\d{1,6}$/),
  fc.stringMatching(/^\.\d{7,9}$/),
);
const zone = fc.oneof(
  fc.constantFrom('Z', 'z', '', '+00:00', '-00:00', '+24:00', '+05:30', '-11:59', ' Z'),
  fc
    .tuple(fc.constantFrom('+', '-'), fc.nat(23), fc.nat(59))
    .map(([s, h, m]) => `${s}${two(h)}:${two(m)}`),
);
const instantText = fc
  .tuple(dayText, fc.constantFrom('T', 't', ' ', '_'), timeText, fraction, zone)
  .map((parts) => parts.join(''));

export const decimalNumber = fc.oneof(
  fc
    .tuple(fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }), fc.nat(4))
    .map(([unscaled, places]) => spelled(unscaled, places)),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.nat(12))
    .map(([unscaled, places]) => spelled(unscaled, places)),
  fc
    .tuple(fc.integer(), fc.integer({ min: -400, max: 400 }))
    .map(([value, power]) => `${value}e${power}`),
  fc.constantFrom(
    '0',
    '-0',
    '0.000',
    '-0.00',
    '1e0',
    '1E+2',
    '100e-2',
    '9999999.99',
    '9999999.995',
  ),
);

function spelled(unscaled: bigint, places: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(places + 1, '0');
  const whole = places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
  return unscaled < 0n ? `-${whole}` : whole;
}

const base64 = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  fc.constantFrom('', '=', 'aGk', 'aGk=', 'aGl=', 'aGk=\n', 'a Gk='),
);

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\ud800"', '"\\u0041"', '"\\/"', '""', '"true"', '"1.5"'),
);
const anyNumber = fc.oneof(
  decimalNumber,
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom('9007199254740993', '9223372036854775807', '1.0', '0.1000000000000000055'),
);
const anyScalar = fc.oneof(anyText, anyNumber, fc.constantFrom('true', 'false', 'null'));
export const anyJson = fc.oneof(
  { weight: 6, arbitrary: anyScalar },
  {
    weight: 1,
    arbitrary: fc.array(anyScalar, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
  },
  { weight: 1, arbitrary: anyScalar.map((value) => `{"a" :${value}}`) },
);

const quoted = (text: fc.Arbitrary<string>) => text.map((value) => JSON.stringify(value));

/** JSON texts for a column of single values of that type, null and wrong ones among them. */
export function leafValues(type: string): fc.Arbitrary<string> {
  const own = new Map([
    ['timestamptz', quoted(instantText)],
    ['date', quoted(dayText)],
    ['binary', quoted(base64)],
    ['string', anyText],
    ['boolean', fc.constantFrom('true', 'false')],
    ['long', fc.oneof(fc.integer().map(String), anyNumber)],
    ['double', anyNumber],
  ]).get(type);
  return fc.oneof(
    { weight: 4, arbitrary: own ?? decimalNumber },
    { weight: 1, arbitrary: anyJson },
  );
}

const INSTANT =
  /"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))"/g;

/** The microseconds of a text that is an instant; the text itself when it is none. */
function instantOf(raw: string, ...parts: readonly (string | undefined)[]): string {
  const [date = '', time = '', digits = '', sign, hours = '0', minutes = '0'] = parts;
  const ms = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== `${date}T${time}`) return raw;
  const shift = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1);
  const micros = BigInt(ms - shift * 60_000) * 1000n + BigInt(digits.padEnd(6, '0'));
  return `"instant ${micros}"`;
}

/** The same text for equal rows: instants are equal when they are the same moment. */
export function sameRow(line: string): string {
  return exactRow(line).replace(INSTANT, (raw, ...parts: string[]) =>
    instantOf(raw, ...parts.slice(0, 6)),
  );
}
