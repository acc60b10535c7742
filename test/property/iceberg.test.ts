/**
 * Iceberg metadata over arbitrary values. llp/0006
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { ColumnType } from '../../src/codec/columns.ts';
import { longFromBound, lowerBound, upperBound } from '../../storage/iceberg/bounds.ts';
import { decodeManifest, encodeManifest } from '../../storage/iceberg/manifest.ts';
import type { ManifestEntry } from '../../storage/iceberg/manifest.ts';
import type { ManifestFile } from '../../storage/iceberg/manifest-list.ts';
import { manifestsToMerge, mergeManifests, summarizeEntries } from '../../storage/iceberg/merge.ts';
import { evolve } from '../../storage/iceberg/schema.ts';
import type { SchemaState, TableSchema } from '../../storage/iceberg/schema.ts';
import { SAMPLE_SCHEMA, sampleEntry } from '../support/iceberg-samples.ts';

/** Well-formed, of any planes, with the code points where mistakes live. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      fc.constantFrom('\u007f', '\u07ff', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
    ),
    { maxLength: 40 },
  )
  .map((points) => points.join(''));

/** Texts that share a long beginning, so that both are cut. */
const textPairs = fc.oneof(
  fc.tuple(anyText, anyText),
  fc.tuple(anyText, anyText, anyText).map(([start, a, b]) => [start + a, start + b] as const),
);

describe('bounds', () => {
  test('of a text are below and above it in the order of UTF-8 bytes', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const value = Buffer.from(text);
        const lower = lowerBound('string', value);
        const upper = upperBound('string', value);
        expect(lower).toBeDefined();
        expect(Buffer.compare(lower ?? value, value)).toBeLessThanOrEqual(0);
        if (upper === undefined) return;
        expect(Buffer.compare(upper, value)).toBeGreaterThanOrEqual(0);
        const valid = Buffer.from(upper).toString('utf8');
        expect(Buffer.compare(Buffer.from(valid), upper)).toBe(0);
        expect(Array.from(valid).length).toBeLessThanOrEqual(16);
      }),
      { numRuns: 3000 },
    );
  });

  test('of the least and greatest text hold every text between', () => {
    fc.assert(
      fc.property(textPairs, ([a, b]) => {
        const [least, greatest] = [Buffer.from(a), Buffer.from(b)].sort((x, y) =>
          Buffer.compare(x, y),
        );
        if (least === undefined || greatest === undefined) return;
        const upper = upperBound('string', greatest);
        expect(Buffer.compare(lowerBound('string', least) ?? least, greatest)).not.toBe(1);
        if (upper !== undefined) expect(Buffer.compare(upper, least)).not.toBe(-1);
      }),
      { numRuns: 3000 },
    );
  });

  test('of a long are the long', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        for (const type of ['long', 'timestamptz'] as const) {
          expect(longFromBound(lowerBound(type, value) ?? new Uint8Array())).toBe(value);
          expect(longFromBound(upperBound(type, value) ?? new Uint8Array())).toBe(value);
        }
      }),
    );
  });

  test('of a double are the double, and both zeros lie between those of a zero', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const read = (bytes: Uint8Array | undefined): number =>
          new DataView((bytes ?? new Uint8Array(8)).buffer).getFloat64(0, true);
        const lower = read(lowerBound('double', value));
        const upper = read(upperBound('double', value));
        expect(value === 0 ? Object.is(lower, -0) : lower === value).toBe(true);
        expect(value === 0 ? Object.is(upper, 0) : upper === value).toBe(true);
      }),
    );
  });
});

describe('evolution', () => {
  const types = fc.constantFrom<ColumnType>('boolean', 'long', 'double', 'string', 'json');
  const names = fc.oneof(
    fc.constantFrom('a', 'A', 'b', '_hyp_seq', '_hyp_x', ''),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const wanted = fc.array(fc.record({ name: names, type: types }), { maxLength: 12 });

  test('only adds: no field changes, no id returns, no two names collide', () => {
    fc.assert(
      fc.property(fc.array(wanted, { maxLength: 8 }), (steps) => {
        let state: SchemaState | undefined;
        const ids = new Map<number, string>();
        for (const step of steps) {
          const before: TableSchema | undefined = state?.schema;
          const next = evolve(state, step);
          for (const field of before?.fields ?? []) expect(next.schema.fields).toContain(field);
          for (const field of next.schema.fields) {
            expect(ids.get(field.id) ?? field.name).toBe(field.name);
            ids.set(field.id, field.name);
            expect(field.id).toBeLessThanOrEqual(next.lastColumnId);
          }
          const folded = next.schema.fields.map((field) => field.name.toLowerCase());
          expect(new Set(folded).size).toBe(folded.length);
          expect(next.schema.fields.slice(-3).map((field) => field.name)).toEqual([
            '_hyp_seq',
            '_hyp_ingested_at',
            '_hyp_rescued',
          ]);
          expect(next.changed).toBe(before === undefined || next.schema !== before);
          state = next;
        }
      }),
    );
  });

  test('ends: what was just added is not added again', () => {
    fc.assert(
      fc.property(wanted, wanted, (first, second) => {
        const state = evolve(evolve(undefined, first), second);
        expect(evolve(state, [...first, ...second]).changed).toBe(false);
      }),
    );
  });
});

describe('merging', () => {
  interface Held {
    readonly manifest: ManifestFile;
    readonly entries: readonly ManifestEntry[];
  }

  function hold(number: bigint, entries: readonly ManifestEntry[]): Held {
    const manifest = {
      path: `m-${number}`,
      length: BigInt(200 + 150 * entries.length),
      sequenceNumber: number,
      addedSnapshotId: number,
      ...summarizeEntries(entries, number),
    };
    return { manifest, entries };
  }

  /** One commit: older manifests are joined as decided, the new one is added at the end. */
  function commit(held: readonly Held[], added: readonly ManifestEntry[], number: bigint): Held[] {
    const runs = manifestsToMerge(held.map(({ manifest }) => manifest));
    const merged: (Held | undefined)[] = [...held];
    for (const run of runs) {
      const [first] = run;
      const members = run.flatMap((at) => held[at] ?? []);
      for (const at of run) merged[at] = undefined;
      if (first !== undefined) merged[first] = hold(number, mergeManifests(members));
    }
    return [...merged.filter((some) => some !== undefined), hold(number, added)];
  }

  const pathsOf = (held: readonly Held[]): string[] =>
    held.flatMap(({ entries }) => entries.map((entry) => entry.file.path));

  test('leaves O(16 log n) manifests after n commits and rewrites an entry O(log n) times', () => {
    let held: Held[] = [];
    let rewritten = 0;
    let longest = 0;
    const commits = 3000;
    for (let n = 1; n <= commits; n++) {
      const before = new Set(held);
      held = commit(held, [sampleEntry(n)], BigInt(n));
      for (const some of held) if (!before.has(some)) rewritten += some.entries.length;
      longest = Math.max(longest, held.length);
    }
    const levels = Math.ceil(Math.log(commits) / Math.log(LIMITS.manifestMerge));
    expect(longest).toBeLessThanOrEqual(LIMITS.manifestMerge * levels + 1);
    expect(rewritten).toBeLessThanOrEqual(commits * (levels + 1));
    expect(pathsOf(held)).toEqual(
      Array.from({ length: commits }, (_, n) => sampleEntry(n + 1).file.path),
    );
  });

  test('keeps every entry exactly once, in order, with its own sequence number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 })), { maxLength: 120 }),
        (sizes) => {
          let held: Held[] = [];
          let next = 1;
          const numberOf = new Map<string, bigint>();
          for (const [index, size] of sizes.entries()) {
            const added = Array.from({ length: size }, () => sampleEntry(next++));
            for (const entry of added) numberOf.set(entry.file.path, BigInt(index + 1));
            held = commit(held, added, BigInt(index + 1));
          }
          expect(pathsOf(held)).toEqual([...numberOf.keys()]);
          for (const { manifest, entries } of held) {
            for (const entry of entries) {
              expect(entry.sequenceNumber ?? manifest.sequenceNumber).toBe(
                numberOf.get(entry.file.path),
              );
            }
          }
          const levels = Math.ceil(Math.log(next + 1) / Math.log(LIMITS.manifestMerge)) + 1;
          expect(held.length).toBeLessThanOrEqual(LIMITS.manifestMerge * levels + 1);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('a manifest reads back whatever figures its files have', () => {
  const figures = fc
    .array(fc.tuple(fc.nat(2 ** 31 - 1), fc.nat()), { maxLength: 8 })
    .map((pairs) => new Map(pairs));
  const bounds = fc
    .array(fc.tuple(fc.nat(2000), fc.uint8Array({ maxLength: 20 })), { maxLength: 8 })
    .map((pairs) => new Map(pairs));
  const sums = fc.record({ footer: fc.string(), rowGroups: fc.array(fc.string()) });
  const file = fc.record({ counts: figures, lower: bounds, upper: bounds, sums, text: anyText });
  fc.assert(
    fc.property(fc.array(file, { maxLength: 5 }), (files) => {
      const entries = files.map(({ counts, lower, upper, sums: proof, text }, n) => ({
        ...sampleEntry(n),
        file: {
          ...sampleEntry(n).file,
          path: `file:///t/data/${text.replaceAll('/', '')}-${n}`,
          valueCounts: counts,
          lowerBounds: lower,
          upperBounds: upper,
          sums: proof,
        },
      }));
      const bytes = encodeManifest({ schema: SAMPLE_SCHEMA.schema, entries });
      const read = decodeManifest(bytes, 'm').entries;
      expect(
        read.map(({ file: { path, valueCounts, sums: proof } }) => [path, valueCounts, proof]),
      ).toEqual(entries.map(({ file: f }) => [f.path, f.valueCounts, f.sums]));
      const flat = (map: ReadonlyMap<number, Uint8Array>) =>
        [...map].map(([id, value]) => [id, Buffer.from(value).toString('hex')]);
      for (const [n, entry] of entries.entries()) {
        expect(flat(read[n]?.file.lowerBounds ?? new Map())).toEqual(flat(entry.file.lowerBounds));
        expect(flat(read[n]?.file.upperBounds ?? new Map())).toEqual(flat(entry.file.upperBounds));
      }
    }),
  );
});
