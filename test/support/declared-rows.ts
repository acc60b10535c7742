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

const LEAVES = [
  'boolean',
  'long',
  'double',
  'string',
  'timestamptz',
  'date',
  'binary',
  'decimal(9,2)',
  'decimal(18,4)',
  'decimal(38,12)',
];

/** A list, struct or leaf as tests write it; `type` says the same. */
export type Nested = string | { readonly list: Nested } | { readonly struct: readonly Entry[] };
type Entry = readonly [name: string, of: Nested];

/** The type's text, in hyp's spelling. */
export function typeText(nested: Nested): string {
  if (typeof nested === 'string') return nested;
  if ('list' in nested) return `list<${typeText(nested.list)}>`;
  const members = nested.struct.map(
    ([name, of]) => `${/[\s<:">]/.test(name) ? JSON.stringify(name) : name}:${typeText(of)}`,
  );
  return `struct<${members.join(',')}>`;
}

/** Lists and structs of any leaves, up to three deep. */
export const anyNested: fc.Arbitrary<Nested> = fc.letrec<{ part: Nested; nested: Nested }>(
  (tie) => ({
    part: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...LEAVES) },
      { weight: 1, arbitrary: tie('nested') },
    ),
    nested: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      fc.constantFrom<Nested>({ list: 'string' }, { struct: [['a', 'long']] }),
      tie('part').map((of) => ({ list: of })),
      fc
        .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'x y', 'q"<:>', 'é', 'n.m'), tie('part')), {
          minLength: 1,
          maxLength: 4,
          selector: ([name]) => name,
        })
        .map((members) => ({ struct: members })),
    ),
  }),
).nested;

/** JSON texts for a column of a list or struct, mostly of its values, with near misses among them. */
export function nestedValues(nested: Nested): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 12, arbitrary: wholeValue(nested) },
    { weight: 1, arbitrary: anyJson },
    { weight: 1, arbitrary: fc.constantFrom('null', '[]', '{}', '[null]', '[[]]', '[{}]') },
  );
}

const space = fc.constantFrom('', '', ' ', '\t ');

function wholeValue(nested: Nested): fc.Arbitrary<string> {
  if (typeof nested === 'string') {
    return fc.oneof({ weight: 30, arbitrary: fitting(nested) }, { weight: 1, arbitrary: anyJson });
  }
  if ('list' in nested) {
    const item = fc.oneof(
      { weight: 9, arbitrary: wholeValue(nested.list) },
      { weight: 1, arbitrary: fc.constant('null') },
    );
    return fc
      .tuple(fc.array(item, { maxLength: 4 }), space)
      .map(([items, gap]) => `[${gap}${items.join(`${gap},`)}]`);
  }
  const members = nested.struct.map(([name, of]) =>
    fc.option(
      wholeValue(of).map((text) => `${JSON.stringify(name)}:${text}`),
      { freq: 4, nil: undefined },
    ),
  );
  return fc.tuple(fc.tuple(...members), fc.boolean(), fc.nat(60)).map(([texts, turned, odd]) => {
    const given = texts.filter((text) => text !== undefined);
    if (turned) given.reverse();
    if (odd === 0) given.push('"other":1');
    if (odd === 1 && given[0] !== undefined) given.push(given[0]);
    return `{${given.join(', ')}}`;
  });
}

/** Mostly values of the leaf type, in spellings that hyp keeps. */
function fitting(type: string): fc.Arbitrary<string> {
  switch (type) {
    case 'timestamptz':
      return quoted(
        fc
          .date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01T00:00:00Z') })
          .map((date) => date.toISOString()),
      );
    case 'date':
      return quoted(
        fc
          .date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01T00:00:00Z') })
          .map((date) => date.toISOString().slice(0, 10)),
      );
    case 'binary':
      return fc
        .uint8Array({ maxLength: 9 })
        .map((bytes) => JSON.stringify(Buffer.from(bytes).toString('base64')));
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => JSON.stringify(text));
    case 'boolean':
      return fc.constantFrom('true', 'false');
    case 'long':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case 'double':
      return fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((value) => JSON.stringify(value));
    default:
      return fc
        .tuple(fc.bigInt({ min: -(10n ** 9n) + 1n, max: 10n ** 9n - 1n }), fc.nat(2))
        .map(([unscaled, places]) => spelled(unscaled, places));
  }
}

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
