/**
 * Owns: bugs of commits: who wins, which seqs and sources a commit carries, and what proves its files.
 * llp/0013
 */
import type { Mutant } from './mutant.ts';

const RECORD = 'test/property/versioned-record.test.ts';
const CONFLICTS = 'test/sim/commit-conflicts.test.ts';

export const COMMIT: readonly Mutant[] = [
  {
    name: 'a version is not looked for again after its link',
    file: 'src/core/versioned-record.ts',
    text: 'return this.#descends(version, link.commitId);',
    becomes: 'return true;',
    killedBy: RECORD,
    tests: /paused|taken, pruned/,
  },
  {
    name: 'a reader does not list again after it opened a version',
    file: 'src/core/versioned-record.ts',
    text: 'if (head !== undefined && (await this.#highest()) === version) {',
    becomes: 'if (head !== undefined) {',
    killedBy: RECORD,
    tests: /void version/,
  },
  {
    name: 'an error of the link is a failure, though the link stands',
    file: 'src/core/versioned-record.ts',
    text: 'if (winner?.link.history.includes(commitId) === true) return true;',
    becomes: '',
    killedBy: RECORD,
    tests: /link that reports an error/,
  },
  {
    name: 'a version replaces another instead of being refused: the lease is trusted',
    file: 'src/core/versioned-record.ts',
    text: 'await this.#fs.link(temp, this.#path(version));',
    becomes: 'await this.#fs.rename(temp, this.#path(version));',
    killedBy: RECORD,
    tests: /a race has one winner/,
  },
  {
    name: 'an error after the link is a conflict',
    file: 'src/core/versioned-record.ts',
    text: `throw new HypError(
        'E_UNKNOWN_OUTCOME',`,
    becomes: `throw new HypError(
        'E_CONFLICT',`,
    killedBy: RECORD,
    tests: /error of the disk after the link/,
  },
  {
    name: 'the newest version is pruned',
    file: 'src/core/versioned-record.ts',
    text: 'if (version > newest - LIMITS.recordVersions) break;',
    becomes: 'if (version > newest) break;',
    killedBy: 'test/unit/core/versioned-record.test.ts',
  },
  {
    name: 'a temp file of a version that is still to come is swept',
    file: 'src/core/versioned-record.ts',
    text: 'if ((tempVersion(name) ?? Infinity) <= newest)',
    becomes: 'if (tempVersion(name) !== undefined)',
    killedBy: 'test/sim/leftovers.test.ts',
  },
  {
    name: 'the start of a source is not asserted',
    file: 'storage/positions/positions.ts',
    text: "if (found !== from) return { kind: 'stale', source, expected: from, found };",
    becomes: '',
    killedBy: 'test/unit/positions.test.ts',
  },
  {
    name: 'the positions are not in the commit',
    file: 'storage/iceberg/commit.ts',
    text: 'positions: moved.fileName,',
    becomes: 'positions: evolved.hyp.positions,',
    killedBy: 'test/unit/keyed-append.test.ts',
  },
  {
    name: 'a backfill does not look again where its files are after a conflict',
    file: 'src/engine/backfill/commit-group.ts',
    text: 'if (!(await areDue(positions, moves))) return undefined;',
    becomes: '',
    killedBy: CONFLICTS,
    tests: /backfills/,
  },
  {
    name: 'after a conflict the rows held in memory are committed with starts read anew',
    file: 'src/engine/flush/commit-rows.ts',
    text: 'const due = await findDue(await table.positions(base), base);',
    becomes: `const now = await table.positions(base);
  const store = findDue as FindDue & { held?: DueRows | undefined };
  const due = (store.held ??= await findDue(now, base));
  for (const move of due?.moves ?? []) {
    Object.assign(move, { from: (await now.get(move.source))?.through });
  }`,
    killedBy: CONFLICTS,
    tests: /commits meanwhile/,
  },
  {
    // The start assertion makes it a conflict that never ends: no row is doubled, and none gets in.
    name: 'after a conflict rows are stamped again without reading the positions anew',
    file: 'src/engine/flush/commit-rows.ts',
    text: 'const due = await findDue(await table.positions(base), base);',
    becomes: `const store = findDue as FindDue & { read?: Positions | undefined };
  const due = await findDue((store.read ??= await table.positions(base)), base);`,
    killedBy: CONFLICTS,
    tests: /commits meanwhile/,
  },
  {
    name: 'rows go into a newer version with the seqs they were given for an older one',
    file: 'storage/iceberg/commit.ts',
    text: 'const version = (append.base?.version ?? 0) + 1;',
    becomes: `const newest = await table.load();
  append = { ...append, base: newest };
  const version = (append.base?.version ?? 0) + 1;`,
    killedBy: CONFLICTS,
    tests: /keyed append/,
  },
  {
    name: 'seqs begin at the largest one, not behind it',
    file: 'storage/allocator.ts',
    text: 'let next = base.maxSeq + 1n;',
    becomes: 'let next = base.maxSeq;',
    killedBy: CONFLICTS,
    tests: /keyed append/,
  },
  {
    name: 'a writer is forgotten before the rename of its directory is synced',
    file: 'src/engine/flush/flush.ts',
    text: 'if (gone.length > 0) await context.fs.syncDir(dir);',
    becomes: '',
    killedBy: CONFLICTS,
    tests: /durably gone/,
  },
  {
    name: 'the sum of a row group is not checked',
    file: 'storage/data/read.ts',
    text: 'if (source.sums !== undefined && rangeSum(bytes) !== source.sums.rowGroups[index]) {',
    becomes: 'if (source.sums?.rowGroups[index] === undefined) {',
    killedBy: 'test/sim/file-flips.test.ts',
    tests: /in a data file/,
  },
  {
    name: 'the sum of a footer is not checked',
    file: 'storage/data/footer.ts',
    text: 'if (sums !== undefined && rangeSum(footer) !== sums.footer) {',
    becomes: 'if (sums?.footer === footer.toString()) {',
    killedBy: 'test/sim/file-flips.test.ts',
    tests: /in a data file/,
  },
  {
    name: 'the seal of a record or a manifest is not checked',
    file: 'src/core/digest.ts',
    text: "return stated === sealDigest(bytes, at) ? 'whole' : 'broken';",
    becomes: "return stated.length > 0 ? 'whole' : 'broken';",
    killedBy: 'test/sim/record-flips.test.ts',
  },
  {
    name: 'a content file is not compared with its name',
    file: 'src/core/content-file.ts',
    text: 'if (stated !== sha256Hex(bytes).slice(0, DIGEST_LENGTH)) {',
    becomes: 'if (stated === undefined) {',
    killedBy: 'test/sim/record-flips.test.ts',
  },
  {
    name: 'a key is taken for known whatever its rows are',
    file: 'src/engine/keyed-append.ts',
    text: "if (known?.digest.slice(known.digest.indexOf('.')) !== `.${span.digest}`) return 'other-rows';",
    becomes: '',
    killedBy: 'test/unit/keyed-append.test.ts',
  },
];
