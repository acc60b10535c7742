/** The table of what a difference is, case by case, without a disk. llp/0018 */
import { describe, expect, test } from 'vitest';
import { digestHex } from '../../src/codec/content-digest.ts';
import { SEQ_ZERO, toSeq } from '../../src/core/ids.ts';
import type { Unit } from '../../src/core/unit.ts';
import type { UnitFile, UnitFiles } from '../../sinks/blob/survey.ts';
import { sampleUnit } from '../../sinks/sample-unit.ts';
import {
  judgeEnd,
  judgeKey,
  judgeObject,
  judgeUnit,
  withAbove,
} from '../../src/engine/verify/judge.ts';
import type { Records } from '../../src/engine/verify/judge.ts';

const START = { through: SEQ_ZERO, chain: digestHex(0n) };
const NONE: UnitFile = { state: 'none' };
const whole = (unit: Unit): UnitFile => ({ state: 'whole', unit });
const UNIT: Unit = { ...sampleUnit(['a\n', 'b\n']).unit, chainBefore: digestHex(0n) };

function files(more: Partial<UnitFiles> = {}): UnitFiles {
  const { after } = UNIT;
  return { lineageShort: 'abc', after, plan: whole(UNIT), manifest: whole(UNIT), ...more };
}

function records(more: Partial<Records> = {}): Records {
  const { through: watermark, chain } = UNIT;
  const receipts = new Map([[0n, UNIT]]);
  return { watermark, chain, open: undefined, receipts, ended: false, ...more };
}

const BEFORE = records({ watermark: SEQ_ZERO, receipts: new Map() });
const labels = (found: readonly { readonly label: string }[]) => found.map(({ label }) => label);

describe('a unit at its destination', () => {
  const cases: readonly [string, UnitFiles, Records, readonly string[]][] = [
    ['is right with plan, manifest and receipt', files(), records(), []],
    ['is right on its way', files({ manifest: NONE }), BEFORE, []],
    ['lost its manifest', files({ manifest: NONE }), records(), ['manifest-missing']],
    ['lost its plan', files({ plan: NONE }), records(), ['plan-missing']],
    [
      'has a damaged manifest',
      files({ manifest: { state: 'damaged', reason: 'x' } }),
      records(),
      ['manifest-damaged'],
    ],
    [
      'has a damaged plan',
      files({ plan: { state: 'damaged', reason: 'x' } }),
      records(),
      ['plan-damaged'],
    ],
    [
      'has a plan of other rows',
      files({ plan: whole({ ...UNIT, contentDigest: 'f'.repeat(32) }) }),
      records(),
      ['plan-differs'],
    ],
    [
      'is not the one of our receipt',
      files(),
      records({ receipts: new Map([[0n, { ...UNIT, chain: 'f'.repeat(32) }]]) }),
      ['receipt-differs'],
    ],
    [
      'was made after other rows',
      files({ manifest: whole({ ...UNIT, chainBefore: 'f'.repeat(32) }), plan: NONE }),
      BEFORE,
      ['plan-missing', 'chain-broken'],
    ],
    [
      'has fewer rows than its range',
      files({ manifest: whole({ ...UNIT, rows: 1 }) }),
      BEFORE,
      ['plan-differs', 'unit-differs'],
    ],
  ];
  for (const [name, found, known, expected] of cases) {
    test(name, () => {
      expect(labels(judgeUnit(START, found, known).differences)).toEqual(expected);
    });
  }

  test('that begins below the end of the one before is a double, above it leaves a hole', () => {
    const later = { ...UNIT, after: toSeq(1), through: toSeq(3) };
    const at = files({ after: toSeq(1), manifest: whole(later), plan: whole(later) });
    const far = { through: toSeq(2), chain: undefined };
    expect(judgeUnit(far, at, BEFORE)).toMatchObject({
      differences: [{ label: 'double', range: { after: 1n, through: 2n } }],
      reached: { through: 3n },
    });
    expect(judgeUnit(START, at, BEFORE).differences).toMatchObject([
      { label: 'hole', range: { after: 0n, through: 1n } },
    ]);
  });

  test('whose files are both gone or damaged is judged by our receipt', () => {
    const gone = files({ manifest: { state: 'damaged', reason: 'x' }, plan: NONE });
    const verdict = judgeUnit(START, gone, records());
    expect(verdict.due).toBe(UNIT);
    expect(verdict.reached.through).toBe(UNIT.through);
  });
});

describe('the end of the units', () => {
  const nothing = { reached: START, above: [] };
  const above = (isWhole: boolean) => ({
    reached: START,
    above: withAbove([], { after: SEQ_ZERO, through: toSeq(2), whole: isWhole }),
  });
  test('below the watermark is a hole', () => {
    expect(labels(judgeEnd(nothing, undefined, records(), records()))).toEqual(['hole']);
  });

  test('with another digest than our record breaks the chain', () => {
    const at = { reached: { through: UNIT.through, chain: UNIT.chain }, above: [] };
    expect(judgeEnd(at, UNIT.chain, records(), records())).toEqual([]);
    expect(labels(judgeEnd(at, 'f'.repeat(32), records(), records()))).toEqual(['chain-broken']);
  });

  test('above the watermark is nothing once our record has caught up', () => {
    for (const isWhole of [true, false]) {
      expect(judgeEnd(above(isWhole), undefined, BEFORE, records())).toEqual([]);
    }
  });

  test('above the watermark is the open unit, a lost receipt, or a plan of nobody we know', () => {
    const open = { ...BEFORE, open: UNIT };
    expect(judgeEnd(above(false), undefined, BEFORE, open)).toEqual([]);
    expect(labels(judgeEnd(above(false), undefined, BEFORE, BEFORE))).toEqual(['plan-unknown']);
    for (const last of [BEFORE, open]) {
      expect(labels(judgeEnd(above(true), undefined, BEFORE, last))).toEqual(['receipt-missing']);
    }
  });

  test('a lost record costs one entry however many units follow each other', () => {
    let list = above(true).above;
    for (let at = 2; at < 40; at += 2) {
      list = withAbove(list, { after: toSeq(at), through: toSeq(at + 2), whole: true });
    }
    expect(list).toEqual([{ after: 0n, through: 40n, whole: true }]);
  });
});

test('an object is judged by presence, then size, then digest', () => {
  const part = { key: 'k', rows: 1, bytes: 5, sha256: 'a'.repeat(64) };
  const judged = (bytes: number | undefined, sha256?: string) =>
    judgeObject(part, UNIT, { bytes, sha256 })?.label;
  expect(judged(undefined)).toBe('object-missing');
  expect(judged(4)).toBe('object-size');
  expect(judged(5, 'b'.repeat(64))).toBe('object-bytes');
  expect(judged(5, part.sha256)).toBeUndefined();
  expect(judged(5)).toBeUndefined();
});

test('a name is nobody’s unless a plan or manifest of its start lists it', () => {
  const [first] = UNIT.parts;
  const key = first?.key ?? '';
  const part = {
    prefix: '',
    dataset: UNIT.dataset,
    partitionPath: '',
    lineageShort: 'abc',
    after: UNIT.after,
    through: UNIT.through,
    part: undefined,
    ext: 'ndjson',
  };
  expect(judgeKey({ key: 'notes.txt', part: undefined }, undefined)?.label).toBe('foreign-object');
  expect(judgeKey({ key, part }, files({ manifest: NONE }))).toBeUndefined();
  expect(judgeKey({ key, part }, files({ plan: NONE }))).toBeUndefined();
  expect(judgeKey({ key: `x${key}`, part }, files())?.label).toBe('extra-object');
  const damaged: UnitFile = { state: 'damaged', reason: 'x' };
  expect(judgeKey({ key: `x${key}`, part }, files({ manifest: damaged }))).toBeUndefined();
});
