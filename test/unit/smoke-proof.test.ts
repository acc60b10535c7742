/** The proof of the demo sees what it is there to see. llp/0016 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compare, identityOf, multisetOf, openUnits, readExported } from '../../smoke/proof.ts';

let dir = '';

function put(after: number, through: number, lines: readonly string[]): void {
  const range = [after, through].map((seq) => seq.toString().padStart(19, '0')).join('-');
  const day = join(dir, 'access', 'dt=2026-11-21');
  mkdirSync(day, { recursive: true });
  writeFileSync(
    join(day, `0123456789ab-${range}.ndjson`),
    lines.map((line) => `${line}\n`).join(''),
  );
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hyp-proof-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe('the proof of the demo', () => {
  it('takes rows for equal whatever the order of their keys, and null for absent', () => {
    expect(identityOf('{"a":1,"b":null,"c":"x"}')).toBe(identityOf('{"c":"x","a":1}'));
    expect(identityOf('{"a":1}')).not.toBe(identityOf('{"a":"1"}'));
  });

  it('finds nothing when every row is there once', () => {
    put(0, 2, ['{"a":1}', '{"a":1}']);
    put(2, 3, ['{"a":2}']);
    const found = readExported(dir, 'access');
    expect(found.rangeFaults).toEqual([]);
    const input = multisetOf(['{"a":1}', '{"a":2}', '{"a":1}']);
    expect(compare(input, found)).toEqual({ rowsIn: 3, rowsOut: 3, duplicates: 0, missing: 0 });
  });

  it('sees a lost row and a doubled one, even when the counts agree', () => {
    put(0, 2, ['{"a":1}', '{"a":1}']);
    const input = multisetOf(['{"a":1}', '{"a":2}']);
    expect(compare(input, readExported(dir, 'access'))).toEqual({
      rowsIn: 2,
      rowsOut: 2,
      duplicates: 1,
      missing: 1,
    });
  });

  it('sees ranges that leave a gap or overlap', () => {
    put(0, 2, ['{"a":1}', '{"a":2}']);
    put(3, 4, ['{"a":4}']);
    expect(readExported(dir, 'access').rangeFaults).toEqual([
      'a unit starts after 3, the one before at 2',
    ]);
  });

  it('knows a unit with a plan and no manifest as half delivered', () => {
    const control = join(dir, 'access', '_hyp', 'archive');
    mkdirSync(control, { recursive: true });
    writeFileSync(join(control, 'x-1.plan.json'), '');
    writeFileSync(join(control, 'x-1.json'), '');
    writeFileSync(join(control, 'x-2.plan.json'), '');
    expect(openUnits(dir, 'access', 'archive')).toEqual(['x-2.plan.json']);
  });
});
