/** Seals and content-named files prove their bytes (I12). llp/0013 */
import { describe, expect, test } from 'vitest';
import { readContentFile, writeContentFile } from '../../../src/core/content-file.ts';
import {
  SEAL_PLACEHOLDER,
  checkSeal,
  checksum,
  sealBytes,
  sha256Hex,
} from '../../../src/core/digest.ts';
import { faultFs } from '../../support/fault-fs.ts';
import { LOSE_ALL, MemoryFs } from '../../support/memory-fs.ts';

describe('a seal', () => {
  const sealed = () => sealBytes(Buffer.from(`{"seal":"${SEAL_PLACEHOLDER}","value":[1,2,3]}`));

  test('is whole when nothing was changed', () => {
    expect(checkSeal(sealed())).toBe('whole');
  });

  test('is not whole after any flipped bit', () => {
    const bytes = sealed();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(checkSeal(damaged), `bit ${bit}`).not.toBe('whole');
    }
  });

  test('is not whole when bytes are missing at the end or were added', () => {
    const bytes = sealed();
    expect(checkSeal(bytes.subarray(0, -1))).toBe('broken');
    expect(checkSeal(Buffer.concat([bytes, Buffer.from('\n')]))).toBe('broken');
  });

  test('is missing in a file of another program', () => {
    expect(checkSeal(Buffer.from('{"format-version":2}'))).toBe('unsealed');
    expect(() => sealBytes(Buffer.from('{}'))).toThrow(/no seal placeholder/);
  });

  test('works on a view into a larger buffer', () => {
    const text = Buffer.from(`xx${SEAL_PLACEHOLDER} and more`);
    const view = new Uint8Array(text.buffer, text.byteOffset + 2, text.length - 2);
    expect(checkSeal(sealBytes(view))).toBe('whole');
    expect(text.subarray(0, 2).toString()).toBe('xx');
  });
});

test('a checksum continues from a seed', () => {
  const bytes = Buffer.from('hello world');
  expect(checksum(bytes.subarray(5), checksum(bytes.subarray(0, 5)))).toBe(checksum(bytes));
  expect(checksum(new Uint8Array(0))).toBe(0);
});

describe('a content file', () => {
  const FILE = { kind: 'list', version: 7, ext: 'avro', tempId: 'id' };
  const BYTES = Buffer.from('some manifest');

  test('is named by its bytes, and writing it twice is the same file', async () => {
    const fs = new MemoryFs('/t');
    const name = await writeContentFile(fs, '/t', FILE, BYTES);
    expect(name).toBe(`list-7-${sha256Hex(BYTES).slice(0, 32)}.avro`);
    expect(await writeContentFile(fs, '/t', FILE, BYTES)).toBe(name);
    expect(await fs.readdir('/t')).toEqual([name]);
    expect(BYTES.equals(await readContentFile(fs, '/t', name))).toBe(true);
  });

  test('is durable once the caller has synced the directory', async () => {
    const fs = new MemoryFs('/t');
    const name = await writeContentFile(fs, '/t', FILE, BYTES);
    await fs.syncDir('/t');
    fs.crash(LOSE_ALL);
    expect(BYTES.equals(await readContentFile(fs, '/t', name))).toBe(true);
  });

  test('whose bytes are not those of its name is E_CORRUPT', async () => {
    const fs = new MemoryFs('/t');
    const name = await writeContentFile(fs, '/t', FILE, BYTES);
    await fs.rename(`/t/${name}`, '/t/list-00000000000000000000000000000000.avro');
    const read = readContentFile(fs, '/t', 'list-00000000000000000000000000000000.avro');
    await expect(read).rejects.toMatchObject({ code: 'E_CORRUPT' });
  });

  test('that cannot be written leaves no temp file', async () => {
    const memory = new MemoryFs('/t');
    const fs = faultFs(memory, { op: 'write', nth: 1, code: 'ENOSPC', when: 'half' });
    await expect(writeContentFile(fs, '/t', FILE, BYTES)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await memory.readdir('/t')).toEqual([]);
  });
});
