/**
 * Owns: immutable files named by their content. Writing one twice is the same file; a reader
 * proves it by its name (I12). The caller syncs the directory before it refers to one.
 * llp/0002
 */
import { HypError, systemCode } from './errors.ts';
import { createSynced, linkError, tempName, unlinkIfAny } from './durable-fs.ts';
import type { DurableFs } from './durable-fs.ts';
import { sha256Hex } from './digest.ts';

const DIGEST_LENGTH = 32;

/**
 * Writes `bytes` as `<kind>-<version>-<digest>.<ext>` in `dir`, fsynced, and returns the name. Its
 * temp file is swept by the record in `dir` once `version` is linked: ENOENT then, for who lost.
 */
export async function writeContentFile(
  fs: DurableFs,
  dir: string,
  file: {
    readonly kind: string;
    /** Of the record's version that will refer to it. */
    readonly version: number;
    readonly ext: string;
    readonly tempId: string;
  },
  bytes: Uint8Array,
): Promise<string> {
  const name = `${file.kind}-${file.version}-${sha256Hex(bytes).slice(0, DIGEST_LENGTH)}.${file.ext}`;
  const temp = `${dir}/${tempName(`${file.kind}-`, file.version, file.tempId)}`;
  await createSynced(fs, temp, bytes);
  try {
    await fs.link(temp, `${dir}/${name}`);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw linkError(error, dir);
  } finally {
    await unlinkIfAny(fs, temp);
  }
  return name;
}

/** The bytes of a content file; E_CORRUPT when they are not those its name was made of. */
export async function readContentFile(
  fs: DurableFs,
  dir: string,
  name: string,
): Promise<Uint8Array> {
  const bytes = await fs.readFile(`${dir}/${name}`);
  const stated = /-([0-9a-f]{32})\.[a-z0-9]+$/.exec(name)?.[1];
  if (stated !== sha256Hex(bytes).slice(0, DIGEST_LENGTH)) {
    throw new HypError('E_CORRUPT', `content differs from its name: ${dir}/${name}`, {
      hint: 'Run `hyp check`; restore the file from a backup.',
    });
  }
  return bytes;
}
