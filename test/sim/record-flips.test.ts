/**
 * Every bit of every kind of record (I12): the reader of each refuses the file, none reads on. The
 * frames, seals and ends of the spool are in test/unit/spool/damage.test.ts. llp/0013
 */
import { expect, test } from 'vitest';
import { isHypError } from '../../src/core/errors.ts';
import { jsonRecordFormat } from '../../src/core/json-record.ts';
import { readStoreFile } from '../../src/engine/store-file.ts';
import { decodeOwner, decodeUnitFile } from '../../sinks/blob/unit-manifest.ts';
import { progressFormat } from '../../state/progress.ts';
import { decodeManifestList } from '../../storage/iceberg/manifest-list.ts';
import { decodeManifest } from '../../storage/iceberg/manifest.ts';
import { tableMetadataFormat } from '../../storage/iceberg/metadata-file.ts';
import { loadPositions } from '../../storage/positions/positions.ts';
import { count } from '../support/counted.ts';
import { MemoryFs } from '../support/memory-fs.ts';
import { OUT, ROOT, World } from '../support/world.ts';

/** The registry's own format says what an entry is; its seal is what is tried here. */
const registryFormat = jsonRecordFormat<unknown>({
  kind: 'registry',
  toJson: (value) => value,
  fromJson: (value) => value,
});

/** Reads a file's bytes as whoever needs it does. */
type Reader = (bytes: Uint8Array, path: string) => unknown;

const KINDS: readonly { readonly kind: string; readonly path: RegExp; readonly read: Reader }[] = [
  {
    kind: 'store file',
    path: /\/store\.json$/,
    read: async (bytes) => {
      const fs = new MemoryFs(ROOT);
      await (await fs.create(`${ROOT}/store.json`)).write(bytes);
      return readStoreFile(fs, ROOT);
    },
  },
  {
    kind: 'table metadata',
    path: /\/metadata\/v1\.metadata\.json$/,
    read: (bytes, path) => tableMetadataFormat.decode(bytes, path),
  },
  {
    kind: 'manifest list',
    path: /\/metadata\/snap-[^/]*\.avro$/,
    read: (bytes, path) => decodeManifestList(bytes, path),
  },
  {
    kind: 'manifest',
    path: /\/metadata\/(?!snap-)[^/]*\.avro$/,
    read: (bytes, path) => decodeManifest(bytes, path),
  },
  {
    kind: 'positions',
    path: /\/metadata\/positions-[^/]*\.json$/,
    read: async (bytes, path) => {
      const cut = path.lastIndexOf('/');
      const fs = new MemoryFs(path.slice(0, cut));
      await (await fs.create(path)).write(bytes);
      return loadPositions(fs, path.slice(0, cut), path.slice(cut + 1));
    },
  },
  {
    kind: 'progress',
    path: /\/progress\/.*\/v2\.json$/,
    read: (bytes, path) => progressFormat.decode(bytes, path),
  },
  {
    kind: 'registry',
    path: /\/state\/sinks\/v1\.json$/,
    read: (bytes, path) => registryFormat.decode(bytes, path),
  },
  {
    kind: 'plan',
    path: /\.plan\.json$/,
    read: (bytes, path) => decodeUnitFile('plan', bytes, path),
  },
  {
    kind: 'unit manifest',
    path: /\/_hyp\/archive\/[0-9a-f]{12}-\d{19}\.json$/,
    read: (bytes, path) => decodeUnitFile('unit', bytes, path),
  },
  {
    kind: 'owner',
    path: /_hyp-owner\.json$/,
    read: (bytes, path) => decodeOwner(bytes, path),
  },
];

async function filesBelow(fs: MemoryFs, dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await fs.readdir(dir)) {
    const path = `${dir}/${name}`;
    if ((await fs.stat(path))?.kind === 'directory') found.push(...(await filesBelow(fs, path)));
    else found.push(path);
  }
  return found;
}

/** A store that has flushed and exported a few rows. */
async function disk(): Promise<MemoryFs> {
  const world = new World();
  const engine = await world.open();
  await world.append(engine, 2);
  await engine.tick();
  await engine.close();
  return world.disk;
}

async function outcome(read: Reader, bytes: Uint8Array, path: string): Promise<string> {
  try {
    await read(bytes, path);
    return 'read on';
  } catch (error) {
    if (!isHypError(error)) return `threw ${String(error)}`;
    return error.message.includes(path.slice(path.lastIndexOf('/') + 1)) && error.hint !== undefined
      ? error.kind === 'corrupt' || error.code === 'E_FOREIGN'
        ? 'refused'
        : error.code
      : `does not name the file and what to do: ${error.message}`;
  }
}

test('every flipped bit of every kind of record is refused, with the file and what to do', async () => {
  const fs = await disk();
  const paths = [...(await filesBelow(fs, ROOT)), ...(await filesBelow(fs, OUT))];
  const outcomes: Record<string, Record<string, number>> = {};
  for (const { kind, path: pattern, read } of KINDS) {
    const path = paths.find((each) => pattern.test(each));
    if (path === undefined) throw new Error(`there is a ${kind} among ${paths.join('\n')}`);
    const bytes = await fs.readFile(path);
    await read(bytes, path);
    const counts: Record<string, number> = {};
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const at = bit >> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      const what = await outcome(read, bytes, path);
      counts[what] = (counts[what] ?? 0) + 1;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    }
    outcomes[kind] = counts;
    expect(counts, kind).toEqual({ refused: bytes.length * 8 });
  }
  const tried = Object.values(outcomes).reduce((sum, { refused = 0 }) => sum + refused, 0);
  count('bit flips', tried);
  expect(tried, 'flipped bits').toBeGreaterThan(50_000);
});
