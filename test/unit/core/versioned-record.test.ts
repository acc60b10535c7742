/** What one process sees of a versioned record: damage, formats, pruning, cost. llp/0013 */
import { describe, expect, test } from 'vitest';
import { SEAL_PLACEHOLDER, sealBytes } from '../../../src/core/digest.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { countingFs } from '../../support/fault-fs.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { RECORD_DIR, appendEntry, entriesRecord } from '../../support/record.ts';

async function replaceFile(fs: MemoryFs, path: string, bytes: Uint8Array): Promise<void> {
  await fs.unlink(path);
  const handle = await fs.create(path);
  await handle.write(bytes);
  await handle.close();
}

async function twoVersions(): Promise<MemoryFs> {
  const fs = new MemoryFs(RECORD_DIR);
  const record = entriesRecord(fs);
  await appendEntry(record, 'a');
  await appendEntry(record, 'b');
  return fs;
}

test('a record without versions is undefined, with or without its directory', async () => {
  expect(await entriesRecord(new MemoryFs(RECORD_DIR)).load()).toBeUndefined();
  expect(await entriesRecord(new MemoryFs()).load()).toBeUndefined();
});

test('a version carries its own id, its parent’s and its history, newest first', async () => {
  const fs = await twoVersions();
  const head = await entriesRecord(fs).load();
  expect(head?.version).toBe(2);
  expect(head?.link.history).toEqual([head?.link.commitId, head?.link.parentId]);
});

describe('a damaged newest version', () => {
  test('is E_CORRUPT whichever byte was changed, never the older one', async () => {
    const fs = await twoVersions();
    const path = `${RECORD_DIR}/v2.json`;
    const whole = await fs.readFile(path);
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await replaceFile(fs, path, damaged);
      await expect(entriesRecord(fs).load(), `byte ${at}`).rejects.toMatchObject({
        code: 'E_CORRUPT',
      });
    }
  });

  test('is E_CORRUPT wherever it was cut', async () => {
    const fs = await twoVersions();
    const path = `${RECORD_DIR}/v2.json`;
    const whole = await fs.readFile(path);
    for (let length = 0; length < whole.length; length += 7) {
      await replaceFile(fs, path, whole.subarray(0, length));
      await expect(entriesRecord(fs).load()).rejects.toMatchObject({ code: 'E_CORRUPT' });
    }
  });

  test('stops an append that was decided on the version before it', async () => {
    const fs = new MemoryFs(RECORD_DIR);
    const record = entriesRecord(fs);
    const base = await appendEntry(record, 'a');
    await appendEntry(entriesRecord(fs), 'b');
    await replaceFile(fs, `${RECORD_DIR}/v2.json`, Buffer.from('{}'));
    await expect(record.append(base, ['a', 'c'])).rejects.toMatchObject({ code: 'E_CORRUPT' });
  });

  test('is not looked for below it: damage to an older version changes nothing', async () => {
    const fs = await twoVersions();
    await replaceFile(fs, `${RECORD_DIR}/v1.json`, Buffer.from('{}'));
    expect((await entriesRecord(fs).load())?.value).toEqual(['a', 'b']);
  });
});

test('a version of a newer format is refused with the format it has', async () => {
  const fs = new MemoryFs(RECORD_DIR);
  const link = { commitId: 'x', history: ['x'] };
  const record = { hyp: 'entries', format: 2, seal: SEAL_PLACEHOLDER, link, value: [] };
  const handle = await fs.create(`${RECORD_DIR}/v1.json`);
  await handle.write(sealBytes(Buffer.from(JSON.stringify(record))));
  await expect(entriesRecord(fs).load()).rejects.toMatchObject({
    code: 'E_UNSUPPORTED_FORMAT',
    message: expect.stringContaining('format 2') as string,
  });
});

test('a record of another kind is not taken for this one', async () => {
  const fs = new MemoryFs(RECORD_DIR);
  const link = { commitId: 'x', history: ['x'] };
  const record = { hyp: 'progress', format: 1, seal: SEAL_PLACEHOLDER, link, value: [] };
  const handle = await fs.create(`${RECORD_DIR}/v1.json`);
  await handle.write(sealBytes(Buffer.from(JSON.stringify(record))));
  await expect(entriesRecord(fs).load()).rejects.toMatchObject({ code: 'E_CORRUPT' });
});

test('old versions are pruned, the newest never is, and no temp file stays', async () => {
  const fs = new MemoryFs(RECORD_DIR);
  const record = entriesRecord(fs);
  const appends = LIMITS.recordVersions + 7;
  for (let n = 0; n < appends; n++) await appendEntry(record, `${n}`);
  const names = await fs.readdir(RECORD_DIR);
  expect(names).toHaveLength(LIMITS.recordVersions);
  expect(names).toContain(`v${appends}.json`);
  expect(names).not.toContain('v7.json');
});

test('loading again when nothing has changed lists once, reads nothing and syncs nothing', async () => {
  const memory = await twoVersions();
  const fs = countingFs(memory);
  const record = entriesRecord(fs);
  await record.load();
  fs.reset();
  await record.load();
  expect(fs.report()).toBe('readdir 1');
});

test('an append costs two syncs: the version and its directory', async () => {
  const fs = countingFs(await twoVersions());
  const record = entriesRecord(fs);
  const head = await record.load();
  fs.reset();
  await record.append(head, ['a', 'b', 'c']);
  expect(fs.syncs()).toBe(2);
});
