/**
 * Owns: bugs of the spool (llp/0007): what an append may say, and what may be taken away.
 * llp/0013
 */
import type { Mutant } from './mutant.ts';

const PAUSES = 'test/unit/spool/pauses.test.ts';
const PROPERTY = 'test/property/spool.test.ts';

export const SPOOL: readonly Mutant[] = [
  {
    name: 'an append is acknowledged before its fdatasync',
    file: 'storage/spool/chain.ts',
    text: 'await segment.handle.datasync();',
    becomes: '',
    killedBy: 'test/unit/spool/writer.test.ts',
  },
  {
    name: 'the header of a segment is not fsynced',
    file: 'storage/spool/chain.ts',
    text: 'await handle.sync();\n      await fs.syncDir(this.#dir);',
    becomes: 'await fs.syncDir(this.#dir);',
    killedBy: 'test/unit/spool/evidence.test.ts',
  },
  {
    name: 'the directory of a new segment is not fsynced',
    file: 'storage/spool/chain.ts',
    text: 'await handle.sync();\n      await fs.syncDir(this.#dir);',
    becomes: 'await handle.sync();',
    killedBy: 'test/unit/spool/writer.test.ts',
  },
  {
    name: 'the directory of a new writer is not fsynced in the spool',
    file: 'storage/spool/chain.ts',
    text: 'await fs.syncDir(spoolDir);',
    becomes: '',
    killedBy: 'test/unit/spool/writer.test.ts',
  },
  {
    name: 'a seal or an end is not fsynced',
    file: 'storage/spool/marks.ts',
    text: 'await createSynced(fs, temp, sealBytes(Buffer.from(`${text}\\n`)));',
    becomes: `const file = await fs.create(temp);
  await file.write(sealBytes(Buffer.from(\`\${text}\\n\`)));
  await file.close();`,
    killedBy: PROPERTY,
  },
  {
    name: 'the name of a seal or an end is not fsynced',
    file: 'storage/spool/marks.ts',
    text: 'await fs.syncDir(writerDir);',
    becomes: '',
    killedBy: PAUSES,
  },
  {
    name: 'a closer states an end without syncing the segments itself',
    file: 'storage/spool/close.ts',
    text: 'await handle.sync();',
    becomes: '',
    killedBy: 'test/unit/spool/evidence.test.ts',
  },
  {
    name: 'a closer takes the size of a segment after its sync',
    file: 'storage/spool/close.ts',
    text: `const index = await indexSegment(handle, file, undefined);
  await handle.sync();`,
    becomes: `await handle.sync();
  const index = await indexSegment(handle, file, undefined);`,
    killedBy: PAUSES,
  },
  {
    name: 'a frame is flushed that the flusher did not sync itself',
    file: 'storage/spool/reader.ts',
    text: 'await handle.sync();',
    becomes: '',
    killedBy: 'test/unit/spool/reader.test.ts',
  },
  {
    name: 'a flusher does not look for a seal after its sync',
    file: 'storage/spool/reader.ts',
    text: 'if (look === undefined || look.tomb || look.sealed !== view.look.sealed) throw STALE;',
    becomes: 'if (look === undefined) throw STALE;',
    killedBy: PAUSES,
  },
  {
    name: 'a writer does not look for the seal before it acknowledges',
    file: 'storage/spool/chain.ts',
    text: "if (await this.#isOpen()) return group.map(() => 'in' as const);",
    becomes: "if (this.#durable > 0n) return group.map(() => 'in' as const);",
    killedBy: PAUSES,
  },
  {
    name: 'an ordinal that was seen is given to another frame',
    file: 'storage/spool/chain.ts',
    text: 'if (exposed > 0) await this.close().catch(() => undefined);',
    becomes: '',
    killedBy: PAUSES,
  },
  {
    name: 'a handle whose fdatasync failed goes on being written to',
    file: 'storage/spool/chain.ts',
    text: `await this.#leaveSegment();
      return { cause, exposed: group.length };`,
    becomes: `segment.bytes += bytes.length;
      return undefined;`,
    killedBy: 'test/unit/spool/faults.test.ts',
  },
  {
    name: 'an end is read with a listing from before it',
    file: 'storage/spool/view.ts',
    text: `await closeWriter(this.place, id);
          continue;
        }
        const end =
          look.ended && !look.tomb ? await readMark(this.place.fs, dir, 'end') : undefined;`,
    becomes: `await closeWriter(this.place, id);
        }
        const end = look.tomb ? undefined : await readMark(this.place.fs, dir, 'end');`,
    killedBy: 'test/unit/spool/evidence.test.ts',
  },
  {
    name: 'a writer without a segment is finished, whatever its end says',
    file: 'storage/spool/trim.ts',
    text: 'return (last?.reached ?? 0n) >= (view.end ?? 0n);',
    becomes: 'return last === undefined || last.reached >= (view.end ?? 0n);',
    killedBy: 'test/unit/spool/evidence.test.ts',
  },
  {
    name: 'segments are removed in one go, so that the power can leave a gap',
    file: 'storage/spool/trim.ts',
    text: `await fs.syncDir(writerDir);
    await unlinkIfAny`,
    becomes: 'await unlinkIfAny',
    killedBy: 'test/unit/spool/trim.test.ts',
  },
  {
    name: 'a writer is gone before the rename of its directory is synced',
    file: 'storage/spool/trim.ts',
    text: 'await fs.syncDir(dir);\n  await removeDirectory',
    becomes: 'await removeDirectory',
    killedBy: 'test/unit/spool/trim.test.ts',
  },
  {
    name: 'the sum of a payload is not checked',
    file: 'storage/spool/segment.ts',
    text: 'return payload.length === length && checksum(payload) === head.payloadSum ? payload : undefined;',
    becomes: 'return payload.length === length ? payload : undefined;',
    killedBy: 'test/unit/spool/damage.test.ts',
  },
  {
    name: 'the sum of a frame’s head is not checked',
    file: 'storage/spool/frame.ts',
    text: 'if (view.readUInt32LE(HEAD_CRC_AT) !== headSum(view.subarray(0, headLength), place, position)) {',
    becomes: 'if (headLength > view.length) {',
    killedBy: 'test/unit/spool/damage.test.ts',
  },
  {
    name: 'the sum of a frame is not bound to its place',
    file: 'storage/spool/frame.ts',
    text: 'const fixed = checksum(head.subarray(0, HEAD_CRC_AT), placeSum(place, position));',
    becomes: 'const fixed = checksum(head.subarray(0, HEAD_CRC_AT), placeSum(place, 0));',
    killedBy: 'test/unit/spool/damage.test.ts',
  },
  {
    name: 'bad bytes are always an incomplete tail',
    file: 'storage/spool/segment.ts',
    text: "if (head !== undefined && head.groupStart > position) return 'corrupt';",
    becomes: '',
    killedBy: 'test/unit/spool/damage.test.ts',
  },
  {
    name: 'a lease that is not refreshed any more keeps its writer from being closed',
    file: 'state/lease.ts',
    text: 'if (!(await check(path, { stale: LIMITS.leaseStaleMs, realpath: false }))) return false;',
    becomes: 'if ((await readHolder(path)) === undefined) return false;',
    killedBy: 'test/unit/state/lease.test.ts',
  },
  {
    name: 'a gap between segments is passed over',
    file: 'storage/spool/reader.ts',
    text: 'if (segment.file === view.gap) await this.#missing(view, gapError(segment.file));',
    becomes: '',
    killedBy: 'test/unit/spool/damage.test.ts',
  },
  {
    name: 'frames that an end counts may be missing',
    file: 'storage/spool/reader.ts',
    text: 'if (view.endProven && (last?.reached ?? 0n) < (view.end ?? 0n)) {',
    becomes: 'if (view.endProven && (last?.reached ?? 0n) < 0n) {',
    killedBy: 'test/unit/spool/damage.test.ts',
  },
  {
    name: 'a segment goes although a dataset has not committed its part',
    file: 'storage/spool/trim.ts',
    text: 'if ((await views.tally(segment, block, range)) !== undefined) return false;',
    becomes:
      'if (dataset < "b" && (await views.tally(segment, block, range)) !== undefined) return false;',
    killedBy: 'test/unit/spool/trim.test.ts',
  },
  {
    name: 'a lock that another process took over is released',
    file: 'state/lease.ts',
    text: 'if (holder !== undefined && JSON.stringify(holder) !== JSON.stringify(ours)) {',
    becomes: 'if (holder !== undefined && ours.pid < 0) {',
    killedBy: 'test/unit/state/lease.test.ts',
    tests: /but a moment ago/,
  },
];
