import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePrefix, partitionProblem } from '../../src/config/key-template.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { isHypError } from '../../src/core/errors.ts';
import { toKeyPrefix } from '../../sinks/blob/object-key.ts';
import { parsePartition } from '../../sinks/blob/partition.ts';

const piece = fc.oneof(
  fc.constantFrom(
    'dt=',
    '{host}',
    '{ts:day}',
    '{a/b}',
    '{:day}',
    '{ts:week}',
    '{}',
    '/',
    '//',
    '.',
  ),
  fc.constantFrom(
    '_',
    '{',
    '}',
    ':',
    '%',
    'é',
    ' ',
    '\u0000',
    '{ts:hour',
    'x'.repeat(100),
    '-',
    '~',
  ),
  fc.string({ maxLength: 3 }),
);
const template = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));

function accepts(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    expect(isHypError(error, 'E_CONFIG')).toBe(true);
    return false;
  }
}

describe('a configuration and the sinks it is for', () => {
  it('agree about every partition template', () => {
    let good = 0;
    fc.assert(
      fc.property(template, (text) => {
        const ours = partitionProblem(text) === undefined;
        expect(ours).toBe(accepts(parsePartition, text));
        good += Number(ours && text !== '');
      }),
      { numRuns: 3_000 },
    );
    expect(good).toBeGreaterThan(100);
  });

  it('agree about every key prefix', () => {
    let good = 0;
    fc.assert(
      fc.property(template, (text) => {
        const ours = parsePrefix(text);
        expect(ours !== undefined).toBe(accepts(toKeyPrefix, text));
        if (ours !== undefined) expect(ours).toBe(toKeyPrefix(text));
        good += Number(ours !== undefined && text !== '');
      }),
      { numRuns: 3_000 },
    );
    expect(good).toBeGreaterThan(100);
  });
});

describe('any text at all', () => {
  const line = fc.oneof(
    fc.constantFrom(
      'root: x',
      'sinks:',
      '  a: {type: fs, path: p}',
      'datasets: {"*": {}}',
      'daemon:',
    ),
    fc.constantFrom(
      '  tick: "${X}"',
      '- 1',
      '? [a]',
      '&a *a',
      '"',
      '{',
      '!!binary x',
      '<<: *x',
      '  <<:',
    ),
    fc.constantFrom(
      '__proto__: {polluted: 1}',
      'constructor: 1',
      'toString:',
      'sinks: {__proto__: 1}',
    ),
    fc.string({ maxLength: 12 }),
  );

  it('is a configuration or E_CONFIG with places inside the text, never another error', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const text = lines.join('\n');
        try {
          parseConfig(text, { path: '/site/hyp.yaml', env: {} });
        } catch (error) {
          if (!isHypError(error, 'E_CONFIG')) throw error;
          const problems = error.details['problems'] as { line: number; column: number }[];
          expect(problems.length).toBeGreaterThan(0);
          for (const at of problems) {
            expect(at.line).toBeGreaterThanOrEqual(1);
            expect(at.line).toBeLessThanOrEqual(text.split(/\r\n?|\n/).length + 1);
            expect(at.column).toBeGreaterThanOrEqual(1);
          }
        }
        expect('polluted' in {}).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
