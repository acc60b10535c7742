/** Damaged, cut and foreign bytes: never a wrong frame, never a lost one in silence. llp/0007 */
import { describe, expect, test } from 'vitest';
import { checksum } from '../../../src/core/digest.ts';
import { isHypError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { checkSpool } from '../../../storage/spool/check.ts';
import { closeWriter } from '../../../storage/spool/close.ts';
import { FRAME_MAGIC } from '../../../storage/spool/frame.ts';
import { SpoolReader } from '../../../storage/spool/reader.ts';
import { count } from '../../support/counted.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { seededRandom } from '../../support/random.ts';
import { A, B, SPOOL, SpoolStore } from '../../support/spool.ts';

const ROWS = ['first', 'second', 'third', 'fourth'];

/** The bytes of one writer's files: frames 1 | 2 3 | 4, groups apart, a mark at the end. */
async function recorded(finish: 'open' | 'closed' | 'rotated') {
  const store = new SpoolStore();
  const fs = new MemoryFs(SPOOL);
  const writer = store.writer(fs, finish === 'rotated' ? { segmentBytes: 120 } : {});
  const [one = '', two = '', three = '', four = ''] = ROWS;
  await store.append(writer, A, one);
  await Promise.all([store.append(writer, A, two), store.append(writer, A, three)]);
  await store.append(writer, A, four);
  if (finish === 'closed') await writer.close();
  else await store.clock.advance(LIMITS.groupCommitMs);
  const dir = `${SPOOL}/${writer.writerId}`;
  const files = new Map<string, Uint8Array>();
  for (const name of await fs.readdir(dir)) files.set(name, await fs.readFile(`${dir}/${name}`));
  return { id: `${writer.writerId}`, files };
}

async function diskWith(id: string, files: ReadonlyMap<string, Uint8Array>): Promise<MemoryFs> {
  const fs = new MemoryFs(`${SPOOL}/${id}`);
  for (const [name, bytes] of files) {
    const handle = await fs.create(`${SPOOL}/${id}/${name}`);
    await handle.write(bytes);
    await handle.sync();
    await handle.close();
  }
  return fs;
}

/** What a flusher gets: rows, and the code it stopped with. */
async function read(fs: MemoryFs): Promise<{ rows: string[]; code: string | undefined }> {
  const rows: string[] = [];
  try {
    for await (const frame of new SpoolReader({ fs, dir: SPOOL }).due(A, () => 0n)) {
      rows.push(Buffer.from(frame.payload).toString());
    }
    return { rows, code: undefined };
  } catch (error) {
    if (!isHypError(error)) throw error;
    return { rows, code: error.code };
  }
}

function replaced(files: ReadonlyMap<string, Uint8Array>, name: string, bytes: Uint8Array) {
  return new Map([...files, [name, bytes]]);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  count('bit flips', 1);
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

const SEGMENT = '00000001.seg';

describe('every flipped bit', () => {
  for (const finish of ['open', 'closed', 'rotated'] as const) {
    test(`of a segment (${finish}) is reported, or was in nothing that counts`, async () => {
      const { id, files } = await recorded(finish);
      const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
      let reported = 0;
      let harmless = 0;
      // Every bit of the open one; of the others every third, which touches each byte.
      const step = finish === 'open' ? 1 : 3;
      for (let bit = 0; bit < bytes.length * 8; bit += step) {
        const { rows, code } = await read(
          await diskWith(id, replaced(files, SEGMENT, flipped(bytes, bit))),
        );
        expect(rows).toEqual(ROWS.slice(0, rows.length));
        if (code === undefined) {
          harmless++;
          expect(rows).toEqual(ROWS);
        } else {
          reported++;
          expect(['E_CORRUPT', 'E_UNSUPPORTED_FORMAT']).toContain(code);
        }
      }
      // Only a mark at the very end proves something and is proven by nothing.
      expect(harmless).toBeLessThanOrEqual(36 * 8);
      expect(reported).toBeGreaterThan((bytes.length * 8) / step - 36 * 8 - 1);
    });
  }

  test('of a seal or an end that was made is reported', async () => {
    const { id, files } = await recorded('closed');
    const bytes = files.get('end') ?? new Uint8Array(0);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const fs = await diskWith(id, replaced(files, 'end', flipped(bytes, bit)));
      expect(await read(fs)).toEqual({ rows: [], code: 'E_CORRUPT' });
    }
  });
});

describe('every length a segment can be cut to', () => {
  test('leaves whole frames and no error while the writer is open', async () => {
    const { id, files } = await recorded('open');
    const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
    let most = 0;
    for (let length = 0; length <= bytes.length; length++) {
      const cut = replaced(files, SEGMENT, bytes.slice(0, length));
      const { rows, code } = await read(await diskWith(id, cut));
      expect(code).toBeUndefined();
      expect(rows).toEqual(ROWS.slice(0, rows.length));
      expect(rows.length).toBeGreaterThanOrEqual(most);
      most = rows.length;
    }
    expect(most).toBe(ROWS.length);
  });

  test('is reported once an end says that more was there', async () => {
    const { id, files } = await recorded('closed');
    const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
    for (let length = 64; length < bytes.length; length++) {
      const cut = replaced(files, SEGMENT, bytes.slice(0, length));
      const { code } = await read(await diskWith(id, cut));
      expect(code).toBe('E_CORRUPT');
    }
  });

  test('is reported when a later segment goes on behind the cut', async () => {
    const { id, files } = await recorded('rotated');
    const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
    const cut = replaced(files, SEGMENT, bytes.slice(0, bytes.length - 1));
    expect((await read(await diskWith(id, cut))).code).toBe('E_CORRUPT');
  });
});

describe('an incomplete tail', () => {
  test('of zeros, as a power failure leaves it, ends the segment without an error', async () => {
    const { id, files } = await recorded('open');
    const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
    const tail = Buffer.concat([bytes, new Uint8Array(5000)]);
    const fs = await diskWith(id, replaced(files, SEGMENT, tail));
    expect(await read(fs)).toEqual({ rows: ROWS, code: undefined });
    expect((await checkSpool(fs, SPOOL)).findings).toEqual([]);
  });

  test('of a group whose first frame is torn and whose second is whole is not corruption', async () => {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writer = store.writer(fs);
    await store.append(writer, A, 'first');
    const size = (await fs.readFile(`${SPOOL}/${writer.writerId}/${SEGMENT}`)).length;
    await Promise.all([store.append(writer, A, 'torn'), store.append(writer, A, 'whole')]);
    const dir = `${SPOOL}/${writer.writerId}`;
    const bytes = (await fs.readFile(`${dir}/${SEGMENT}`)).slice();
    bytes.fill(0, size, size + 20);
    const disk = await diskWith(`${writer.writerId}`, new Map([[SEGMENT, bytes]]));
    expect(await read(disk)).toEqual({ rows: ['first'], code: undefined });
  });

  test('is where a closer puts the end, and a torn payload with a whole head too', async () => {
    const { id, files } = await recorded('open');
    const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
    // Without the mark and the last byte of frame 4: its head is whole, its payload is zero-filled.
    const tail = bytes.slice(0, bytes.length - 36);
    tail.fill(0, tail.length - 1);
    const fs = await diskWith(id, replaced(files, SEGMENT, tail));
    const place = { fs, dir: SPOOL, random: seededRandom(1) };
    const [writer] = await new SpoolReader({ fs, dir: SPOOL }).writers();
    if (writer === undefined) throw new Error('there is a writer');
    expect(await closeWriter(place, writer.id)).toBe(3n);
    expect(await read(fs)).toEqual({ rows: ROWS.slice(0, 3), code: undefined });
  });
});

describe('a damaged frame', () => {
  async function withDamagedB() {
    const store = new SpoolStore();
    const fs = new MemoryFs(SPOOL);
    const writer = store.writer(fs);
    await store.append(writer, A, 'good');
    await store.append(writer, B, 'damaged');
    await store.append(writer, A, 'later');
    const dir = `${SPOOL}/${writer.writerId}`;
    const bytes = await fs.readFile(`${dir}/${SEGMENT}`);
    const at = Buffer.from(bytes).indexOf('damaged');
    return diskWith(`${writer.writerId}`, new Map([[SEGMENT, flipped(bytes, at * 8)]]));
  }

  test('stops its own dataset, naming file, byte and dataset, and no other', async () => {
    const fs = await withDamagedB();
    expect(await read(fs)).toEqual({ rows: ['good', 'later'], code: undefined });
    const frames = new SpoolReader({ fs, dir: SPOOL }).due(B, () => 0n);
    await expect(frames.next()).rejects.toMatchObject({
      code: 'E_CORRUPT',
      message: expect.stringMatching(/dataset b in .*\.seg at byte \d+/) as string,
      hint: expect.stringContaining('hyp check') as string,
    });
  });

  test('is one finding of the check, which goes on behind it', async () => {
    const fs = await withDamagedB();
    const { frames, findings } = await checkSpool(fs, SPOOL);
    expect(frames).toBe(2);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.what).toContain('dataset b');
  });

  test('is never trimmed away', async () => {
    const store = new SpoolStore();
    const { id, files } = await recorded('closed');
    const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
    const fs = await diskWith(id, replaced(files, SEGMENT, flipped(bytes, 70 * 8)));
    for (const writer of await store.reader(fs).writers()) {
      store.tableOf(A).through.set(writer.id, 100n);
    }
    expect(await store.trim(fs)).toEqual({ removedSegments: 0, goneWriters: [] });
  });
});

test('a segment of an unknown format is refused, not read', async () => {
  const { id, files } = await recorded('open');
  const bytes = (files.get(SEGMENT) ?? new Uint8Array(0)).slice();
  const view = Buffer.from(bytes.buffer);
  view.writeUInt16LE(2, 8);
  view.writeUInt32LE(checksum(bytes.subarray(0, 60)), 60);
  const fs = await diskWith(id, replaced(files, SEGMENT, bytes));
  expect((await read(fs)).code).toBe('E_UNSUPPORTED_FORMAT');
});

test('a frame copied to another place is no frame there', async () => {
  const { id, files } = await recorded('open');
  const bytes = files.get(SEGMENT) ?? new Uint8Array(0);
  const doubled = Buffer.concat([bytes, bytes.subarray(64)]);
  const fs = await diskWith(id, replaced(files, SEGMENT, doubled));
  expect(await read(fs)).toEqual({ rows: ROWS, code: undefined });
});

test('a frame at another byte of its own segment is no frame, though its ordinal is the next', async () => {
  const { id, files } = await recorded('open');
  const bytes = Buffer.from(files.get(SEGMENT) ?? []);
  const second = bytes.indexOf(FRAME_MAGIC, 64 + 1);
  // What was frame 1 is cut out, and the header says that the segment begins with frame 2.
  const moved = Buffer.concat([bytes.subarray(0, 64), bytes.subarray(second)]);
  moved.writeBigUInt64LE(2n, 32);
  moved.writeUInt32LE(checksum(moved.subarray(0, 60)), 60);
  const fs = await diskWith(id, replaced(files, SEGMENT, moved));
  expect((await read(fs)).rows).toEqual([]);
});
