/**
 * Owns: a store directory as such: its making, its identity and its format, in `store.json`.
 * Commit point of `initStore`: the link of store.json; what is made before it is made again.
 * A store of a higher format, or on a file system without links, is refused.
 * llp/0008
 */
import { z } from 'zod';
import { HypError, systemCode } from '../core/errors.ts';
import {
  assertLinks,
  createSynced,
  isMissing,
  mkdirDurable,
  readFileIfAny,
  readdirIfAny,
  unlinkIfAny,
} from '../core/durable-fs.ts';
import type { DurableFs } from '../core/durable-fs.ts';
import { SEAL_PLACEHOLDER, checkSeal, sealBytes } from '../core/digest.ts';
import type { Random } from '../core/random.ts';
import { makeStateDirs, stateDir } from '../../state/layout.ts';
import { SPOOL_DIR, TABLES_DIR } from '../../storage/layout.ts';

/** Name of the file that makes a directory a store. */
export const STORE_FILE = 'store.json';
const FORMAT = 1;
/** What a process that made the store and ended leaves: no dataset and no part of the store. */
const LEFTOVER = /^\.[0-9a-f-]{36}\.(?:tmp|probe|probe-link)$/;

const storeJson = z.strictObject({
  hyp: z.literal('store'),
  format: z.number(),
  seal: z.string(),
  storeId: z.uuid(),
});

export interface StoreFile {
  /** Names the store; a copy has the same (chains tell copies apart, not this). */
  readonly storeId: string;
}

/**
 * Makes `root` a store, or finds that it is one already. The parent of `root` must exist. Durable
 * when it resolves; idempotent; two processes that race make one store. E_NOT_A_STORE, E_CORRUPT.
 */
export async function initStore(fs: DurableFs, root: string, random: Random): Promise<StoreFile> {
  const cut = root.lastIndexOf('/');
  const parent = root.slice(0, cut) || '/';
  try {
    await mkdirDurable(fs, parent, root.slice(cut + 1));
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause;
    throw new HypError('E_NOT_A_STORE', `no directory ${parent} to make the store in`, {
      cause,
      hint: 'Make that directory, or choose another root.',
    });
  }
  const there = await readStoreFile(fs, root);
  if (there !== undefined) {
    await sweepMakers(fs, root);
    return there;
  }
  try {
    return await makeStore(fs, root, random);
  } catch (error) {
    // Whoever was first has swept what we had begun.
    const made = isMissing(error) ? await readStoreFile(fs, root) : undefined;
    if (made === undefined) throw error;
    return made;
  }
}

async function makeStore(fs: DurableFs, root: string, random: Random): Promise<StoreFile> {
  await assertEmpty(fs, root);
  await assertLinks(fs, root, random.uuid());
  for (const dir of [TABLES_DIR, SPOOL_DIR]) await mkdirDurable(fs, root, dir);
  await makeStateDirs(fs, root);
  const value = { hyp: 'store', format: FORMAT, seal: SEAL_PLACEHOLDER, storeId: random.uuid() };
  const temp = `${root}/.${value.storeId}.tmp`;
  await createSynced(fs, temp, sealBytes(Buffer.from(`${JSON.stringify(value)}\n`)));
  try {
    await fs.link(temp, `${root}/${STORE_FILE}`);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    await unlinkIfAny(fs, temp);
  }
  await fs.syncDir(root);
  const made = await readStoreFile(fs, root);
  if (made === undefined) throw new HypError('E_UNAVAILABLE', `cannot make a store at ${root}`);
  await sweepMakers(fs, root);
  return made;
}

/** The store is there: what others began, and who began it, can only find that. */
async function sweepMakers(fs: DurableFs, root: string): Promise<void> {
  try {
    for (const name of await fs.readdir(root)) {
      if (LEFTOVER.test(name)) await unlinkIfAny(fs, `${root}/${name}`);
    }
  } catch {
    // They take next to no room; the next one to open it tries again.
  }
}

/** The store at `root`, or undefined when there is none. E_CORRUPT, E_UNSUPPORTED_FORMAT. */
export async function readStoreFile(fs: DurableFs, root: string): Promise<StoreFile | undefined> {
  const path = `${root}/${STORE_FILE}`;
  await assertDirectory(fs, root);
  const bytes = (await readFileIfAny(fs, path)) ?? (await madeMeanwhile(fs, root, path));
  if (bytes === undefined) return undefined;
  if (checkSeal(bytes) !== 'whole') throw damaged(path);
  let parsed: z.infer<typeof storeJson>;
  try {
    parsed = storeJson.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw damaged(path, cause);
  }
  if (parsed.format > FORMAT) {
    throw new HypError('E_UNSUPPORTED_FORMAT', `the store ${root} has format ${parsed.format}`, {
      hint: `This hyp knows format ${FORMAT}: use a newer one. Nothing was touched.`,
    });
  }
  return { storeId: parsed.storeId };
}

/**
 * Throws E_NOT_A_STORE when the store that was opened at `root` is not there any more: unmounted,
 * renamed, or another one in its place. To a listing it would look like a store without rows.
 */
export async function assertStillThere(
  fs: DurableFs,
  root: string,
  { storeId }: StoreFile,
): Promise<void> {
  const now = await readStoreFile(fs, root);
  if (now?.storeId === storeId) return;
  const what = now === undefined ? 'is not there any more' : 'is another one now';
  throw new HypError('E_NOT_A_STORE', `the store ${root} ${what}`, {
    hint: 'Nothing was changed. Mount it, or put it back under this path; a daemon goes on by itself.',
  });
}

async function assertDirectory(fs: DurableFs, root: string): Promise<void> {
  const stat = await fs.stat(root);
  if (stat === undefined || stat.kind === 'directory') return;
  throw new HypError('E_NOT_A_STORE', `${root} is not a directory`, {
    hint: 'It was not touched. Choose an empty or new directory for `root`.',
  });
}

/** A store that has lost its file is not begun again under another identity; E_CORRUPT. */
async function madeMeanwhile(
  fs: DurableFs,
  root: string,
  path: string,
): Promise<Uint8Array | undefined> {
  const tables = await readdirIfAny(fs, `${root}/${TABLES_DIR}`);
  const writers = await readdirIfAny(fs, `${root}/${SPOOL_DIR}`);
  if (tables.length + writers.length === 0) return undefined;
  // Rows come after the store file: when it is not there now, it was there before.
  const bytes = await readFileIfAny(fs, path);
  if (bytes !== undefined) return bytes;
  throw new HypError('E_CORRUPT', `the store ${root} has rows, but its file is missing: ${path}`, {
    hint: 'Nothing was changed. Restore this one file from a backup of the store.',
  });
}

/** A directory with other things in it is not turned into a store behind its owner's back. */
async function assertEmpty(fs: DurableFs, root: string): Promise<void> {
  // The file too: another process may have made the store since we looked for it.
  const ours = new Set([STORE_FILE, TABLES_DIR, SPOOL_DIR, stateDir('').slice(1)]);
  const names = await fs.readdir(root);
  const strange = names.find((name) => !ours.has(name) && !name.startsWith('.'));
  if (strange === undefined) return;
  throw new HypError('E_NOT_A_STORE', `${root} is not a hyp store and not empty (${strange})`, {
    hint: 'Choose an empty or new directory for `root`.',
  });
}

function damaged(path: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `the store file is damaged: ${path}`, {
    cause,
    hint: 'Nothing was changed. Restore this one file from a backup of the store.',
  });
}
