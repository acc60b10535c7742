/**
 * Owns: bugs of exports: the order of intent, plan, parts, manifest and watermark, and what is compared
 * before something is taken for sent.
 * llp/0013
 */
import type { Mutant } from './mutant.ts';

const ORDER = { killedBy: 'test/sim/unit-order.test.ts' };

export const EXPORT: readonly Mutant[] = [
  {
    name: 'a unit is delivered before its intent is linked',
    file: 'src/engine/export/exporter.ts',
    text: 'const linked = await record.append(base, withIntent(progress, unit));',
    becomes: `const value = withIntent(progress, unit);
      const link = { commitId: '', parentId: undefined, history: [] };
      await runUnit(work.source, record, { version: 0, value, link }, this.#fresh.get(progress.dataset));
      const linked = await record.append(base, value);`,
    ...ORDER,
  },
  {
    name: 'the plan is put after the first part',
    file: 'src/engine/export/run-unit.ts',
    text: 'const action = unitAction(unit, await source.sink.announce(unit));\n  switch',
    becomes: `await deliverPart(open, 0);
  const action = unitAction(unit, await source.sink.announce(unit));
  switch`,
    ...ORDER,
  },
  {
    name: 'the watermark advances before the manifest is there',
    file: 'src/engine/export/run-unit.ts',
    text: 'await source.sink.complete(unit);',
    becomes: `void new Promise((done) => setImmediate(done))
      .then(() => source.sink.complete(unit))
      .catch(() => undefined);`,
    ...ORDER,
  },
  {
    name: 'the mark that something has left is made after the first part',
    file: 'src/engine/export/run-unit.ts',
    text: `await source.announced?.(head.value);
      return deliverParts(open);`,
    becomes: `await deliverPart(open, 0);
      await source.announced?.(head.value);
      return deliverParts(open);`,
    ...ORDER,
  },
  {
    name: 'other bytes of an open unit are sent before they are recorded',
    file: 'src/engine/export/run-unit.ts',
    text: 'if (!sameUnit(unit, open.unit)) {',
    becomes: 'if (unit.parts.length === 0) {',
    killedBy: 'test/sim/unit-order.test.ts',
  },
  {
    name: 'any plan at the destination is taken for our own',
    file: 'src/engine/export/decide.ts',
    text: 'const same = sameRows(unit, found.unit);',
    becomes: 'const same = unit.after === found.unit.after;',
    killedBy: 'test/sim/export-evidence.test.ts',
  },
  {
    name: 'a plan is adopted without comparing its rows with the table’s',
    file: 'src/engine/export/run-unit.ts',
    text: '(await digestOfRange(source, found.after, found.through)) === found.contentDigest;',
    becomes: 'found.contentDigest.length > 0;',
    killedBy: 'test/sim/export-evidence.test.ts',
  },
  {
    name: 'a plan is adopted without comparing its chain with the record’s',
    file: 'src/engine/export/run-unit.ts',
    text: 'found.chainBefore === head.value.chain &&',
    becomes: '',
    killedBy: 'test/sim/unit-order.test.ts',
  },
  {
    name: 'lost progress is made again without comparing chains',
    file: 'src/engine/identity/recover.ts',
    text: 'unit.chainBefore === progress.chain &&',
    becomes: '',
    killedBy: 'test/sim/unit-order.test.ts',
  },
  {
    name: 'parts are made again from other rows than the intent’s',
    file: 'src/engine/export/new-unit.ts',
    text: 'if (digestHex(encoded.contentDigest) !== unit.contentDigest) throw otherRows(unit);',
    becomes: '',
    killedBy: 'test/sim/export-evidence.test.ts',
  },
  {
    name: 'a table that went back and grew again is taken for the one that was exported',
    file: 'src/engine/export/history.ts',
    text: 'return file === undefined || String(file.snapshotId) === last.commitId;',
    becomes: 'return file === undefined || last.commitId.length > 0;',
    killedBy: 'test/sim/export-evidence.test.ts',
    tests: /went back and got/,
  },
  {
    name: 'an object under the key of a part is a duplicate, whatever its bytes',
    file: 'sinks/blob/blob.ts',
    text: "if (found.sha256 === part.sha256) return { kind: 'duplicate' };",
    becomes: "return { kind: 'duplicate' };",
    killedBy: 'test/unit/sinks/conformance.test.ts',
  },
  {
    name: 'a manifest is put although a part is not there',
    file: 'sinks/blob/blob.ts',
    text: 'if ((await store.sizeOf(part.key)) === part.bytes) continue;',
    becomes: 'if (part.bytes >= 0) continue;',
    killedBy: 'test/unit/sinks/conformance.test.ts',
  },
  {
    name: 'staged bytes are sent without being compared with the intent',
    file: 'sinks/blob/staging.ts',
    text: 'const whole = digest?.bytes === part.bytes && digest.sha256 === part.sha256;',
    becomes: 'const whole = digest !== undefined;',
    killedBy: 'test/unit/sinks/fs-sink.test.ts',
  },
  {
    name: 'a unit may begin where no unit ended',
    file: 'state/progress.ts',
    text: "invariant(unit.after === progress.watermark, 'a unit begins at the watermark');",
    becomes: '',
    killedBy: 'test/unit/state/progress.test.ts',
  },
  {
    name: 'an exporter goes on with an intent that was refused',
    file: 'src/engine/export/exporter.ts',
    text: `if (linked.kind === 'conflict') return this.#answer(progress, 0);
      base = linked.head;`,
    becomes: `const link = { commitId: '', parentId: undefined, history: [] };
      const value = withIntent(progress, unit);
      base = linked.kind === 'conflict' ? { version: (base?.version ?? 0) + 1, value, link } : linked.head;`,
    killedBy: 'test/crash/export-crash.test.ts',
    tests: /paused before its/,
  },
  {
    name: 'a destination that was emptied gets the next unit all the same',
    file: 'sinks/blob/blob.ts',
    text: 'if ((await place.store.sizeOf(manifest)) === undefined) throw emptied(claimed, manifest);',
    becomes: '',
    killedBy: 'test/sim/lost-progress.test.ts',
    tests: /emptied/,
  },
  {
    name: 'an object replaces another under its key',
    file: 'sinks/blob/fs-store.ts',
    text: 'await this.#fs.link(from, path);',
    becomes: 'await this.#fs.rename(from, path);',
    killedBy: 'test/unit/sinks/conformance.test.ts',
  },
  {
    name: 'a damaged receipt is evidence',
    file: 'state/receipts.ts',
    text: "if (checkSeal(bytes) !== 'whole') return undefined;",
    becomes: '',
    killedBy: 'test/unit/state/receipts.test.ts',
  },
  {
    name: 'a record that was made again is written to beside the one that was lost',
    file: 'state/progress.ts',
    text: 'const last = key.number ?? (await progressNumbers(fs, state, key)).at(-1) ?? 1;',
    becomes: 'const last = (await progressNumbers(fs, state, key)).at(0) ?? 1;',
    killedBy: 'test/sim/lost-progress.test.ts',
  },
];
