/**
 * Owns: arbitrary rows as JSON text: every spelling JSON allows, and keys and values that collide
 * with what columns can hold.
 * llp/0004
 */
import fc from 'fast-check';

const space = fc.constantFrom('', '', '', ' ', '\t ', ' \r');

const number = fc.oneof(
  fc.integer().map(String),
  fc.integer({ min: -50, max: 50 }).map(String),
  fc.maxSafeInteger().map(String),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.constantFrom('0', '-0', '-0.0', '0e5', '1e400', '-1e400', '1e-400', '4.9e-324', '5e-324'),
  fc.constantFrom('9007199254740992', '9007199254740993', '-9007199254740993', '1E5', '1e+2'),
  fc.constantFrom('9223372036854775807', '9223372036854775808', '-9223372036854775808', '0.1'),
  fc.constantFrom(
    '0.1000000000000000055511151231257827',
    '1.7976931348623157e308',
    '100.00',
    '1.0',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc
    .tuple(fc.integer(), fc.nat(), fc.integer({ min: -330, max: 330 }))
    .map(([whole, fraction, power]) => `${whole}.${fraction}e${power}`),
);

function escaped(text: string): string {
  return `"${text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')}"`;
}

const plainText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
  fc.constantFrom('', '\u0000', '\u2028', '𝄞', 'ä', '\\', '"', '/', '\u007f', '\b\f\n\r\t'),
);

const string = fc.oneof(
  { weight: 6, arbitrary: plainText.map((text) => JSON.stringify(text)) },
  { weight: 2, arbitrary: plainText.map(escaped) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '"\\ud800"',
      '"\\udc00x"',
      '"\\uD834\\uDD1E"',
      '"\\/"',
      '"\\ud834a"',
    ),
  },
);

const scalar = fc.oneof(number, string, fc.constantFrom('true', 'false', 'null'));

const { value: nested } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, tie('array'), tie('object')),
  array: fc
    .tuple(fc.array(tie('value'), { maxLength: 3 }), space)
    .map(([items, gap]) => `[${gap}${items.join(`${gap},`)}${gap}]`),
  object: fc
    .tuple(fc.array(fc.tuple(string, tie('value')), { maxLength: 3 }), space)
    .map(
      ([members, gap]) =>
        `{${gap}${members.map(([key, item]) => `${key}${gap}:${gap}${item}`).join(',')}${gap}}`,
    ),
}));

const key = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('a', 'b', 'c', 'level', 'A', 'Pid', 'PID', 'é').map(quoted),
  },
  { weight: 1, arbitrary: fc.constantFrom('a', 'b', 'PID').map(escaped) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        '',
        '_hyp_seq',
        '_hyp_rescued',
        '_HYP_x',
        '\u0000',
        '__proto__',
        'k'.repeat(300),
      )
      .map(quoted),
  },
  { weight: 1, arbitrary: fc.constantFrom('"\\ud800"', '"\\udfff"') },
);

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** One JSON object on one line. */
export const rowText: fc.Arbitrary<string> = fc
  .tuple(fc.array(fc.tuple(key, nested), { maxLength: 7 }), space, space)
  .map(([members, gap, around]) => {
    const inner = members
      .map(([name, value]) => `${name}${gap}:${gap}${value}${gap}`)
      .join(`,${gap}`);
    return `${around}{${gap}${inner}}${around}`;
  });

/** A line of a source: mostly rows, sometimes blank or no row. */
export const lineText: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: rowText },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\r') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '[1]',
      '{"a":1.5,',
      '{"a":01}',
      '{"new":1,"b":}',
      'null',
      '{"a":"\t"}',
    ),
  },
);
