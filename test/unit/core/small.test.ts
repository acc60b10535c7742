/** Limits, units, clock and chance: the small parts of src/core. llp/0013 */
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { unobserved } from '../../../src/core/events.ts';
import { toDatasetName, toLineage, toSeq } from '../../../src/core/ids.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { systemRandom } from '../../../src/core/random.ts';
import { sameUnit, unitFromJson, unitToJson } from '../../../src/core/unit.ts';
import type { Unit } from '../../../src/core/unit.ts';

const UNIT: Unit = {
  dataset: toDatasetName('requests'),
  lineage: toLineage('0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d'),
  after: toSeq(10),
  through: toSeq(2n ** 63n - 1n),
  rows: 4,
  parts: [{ key: 'raw/a%2Fb.ndjson', rows: 4, bytes: 99, sha256: 'ab'.repeat(32) }],
  chainBefore: '00'.repeat(16),
  chain: '11'.repeat(16),
  contentDigest: '22'.repeat(16),
  encoder: { name: 'ndjson', version: 1, partition: '', prefix: 'raw', schemaId: 3 },
  commits: [{ through: toSeq(12), commitId: 'c' }],
};

test('every bound is positive and says its unit last', () => {
  for (const [name, value] of Object.entries(LIMITS)) {
    expect(value, name).toBeGreaterThan(0);
    expect(Number.isSafeInteger(value), name).toBe(true);
  }
});

test('a unit survives its JSON form, seqs beyond 2^53 included', () => {
  const text = JSON.stringify(unitToJson(UNIT));
  expect(unitFromJson(JSON.parse(text))).toEqual(UNIT);
  expect(JSON.stringify(unitToJson(unitFromJson(JSON.parse(text))))).toBe(text);
});

test('a unit with an unknown, missing or malformed member is not a unit', () => {
  const json = unitToJson(UNIT);
  expect(() => unitFromJson({ ...json, clock: 1 })).toThrow();
  expect(() => unitFromJson({ ...json, chain: undefined })).toThrow();
  expect(() => unitFromJson({ ...json, after: '-1' })).toThrow();
  expect(() => unitFromJson({ ...json, contentDigest: 'AB'.repeat(16) })).toThrow();
});

test('units are the same only when all of them is', () => {
  expect(sameUnit(UNIT, unitFromJson(unitToJson(UNIT)))).toBe(true);
  expect(sameUnit(UNIT, { ...UNIT, rows: 5 })).toBe(false);
  expect(sameUnit(UNIT, { ...UNIT, parts: [] })).toBe(false);
});

test('the clock of the machine sleeps, and wakes early without error when told to', async () => {
  const stop = new AbortController();
  const before = systemClock.monotonicMs();
  const sleep = systemClock.sleep(60_000, stop.signal);
  stop.abort();
  await sleep;
  await systemClock.sleep(1);
  expect(systemClock.monotonicMs() - before).toBeLessThan(10_000);
  expect(systemClock.nowMs()).toBeGreaterThan(Date.parse('2026-01-01'));
});

test('the clock of the machine sleeps for longer than a timer can, a drain of 30 days for one', async () => {
  const stop = new AbortController();
  let awake = false;
  const sleep = systemClock.sleep(30 * 24 * 3_600_000, stop.signal).then(() => (awake = true));
  await systemClock.sleep(50);
  expect(awake).toBe(false);
  stop.abort();
  await sleep;
});

test('ids of the machine are positive 63-bit numbers and lower-case uuids', () => {
  for (let n = 0; n < 100; n++) {
    const id = systemRandom.id63();
    expect(id > 0n && id < 2n ** 63n).toBe(true);
    expect(systemRandom.uuid()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const fraction = systemRandom.fraction();
    expect(fraction >= 0 && fraction < 1).toBe(true);
  }
});

test('nobody has to observe', () => {
  expect(() => {
    unobserved({ type: 'buffer', name: 'b', bytes: 1, limitBytes: 2 });
  }).not.toThrow();
});
