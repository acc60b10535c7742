/**
 * Owns: a directory as a destination: blob units as files, staged in `.hyp-staging/<instance>` beside
 * them.
 * llp/0009
 */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { DurableFs } from '../src/core/durable-fs.ts';
import { HypError } from '../src/core/errors.ts';
import type { SinkName } from '../src/core/ids.ts';
import type { Random } from '../src/core/random.ts';
import { createBlobSink } from './blob/blob.ts';
import { FsBlobStore, STAGING_DIR } from './blob/fs-store.ts';
import { toKeyPrefix } from './blob/object-key.ts';
import { createStaging } from './blob/staging.ts';
import { surveyDirectory } from './blob/survey.ts';
import type { Survey } from './blob/survey.ts';
import type { Sink } from './sink.ts';

export interface FsSinkOptions {
  readonly name: SinkName;
  /** Default: its name. */
  readonly instance?: SinkName | undefined;
  /** Absolute, or relative to the working directory; made by `claim` when it is missing. */
  readonly path: string;
  /** Put before every key; slashes at its ends do not count. */
  readonly prefix?: string | undefined;
  readonly fs: DurableFs;
  readonly random: Random;
}

/**
 * A sink that writes below `path`. Touches nothing before `claim`. `destination` is `fs:` and the
 * real path: another path to the same directory is the same destination. E_CONFIG for a bad prefix.
 */
export function createFsSink(options: FsSinkOptions): Sink {
  const { name, instance = name, path, prefix, fs, random } = options;
  const { root, keyPrefix } = placeOf({ name, path, prefix });
  const base = keyPrefix === '' ? root : `${root}/${keyPrefix}`;
  const dir = `${base}/${STAGING_DIR}/${instance}`;
  return createBlobSink({
    name,
    instance,
    type: 'fs',
    destination: `fs:${base}`,
    prefix: keyPrefix,
    store: new FsBlobStore({ fs, root, stagingDir: dir, random }),
    staging: createStaging({ fs, dir, random }),
  });
}

/** The same destination to look at only; nothing is touched (llp/0018). E_CONFIG as above. */
export function surveyFsSink(options: Omit<FsSinkOptions, 'random'>): Survey {
  const { root, keyPrefix } = placeOf(options);
  const { fs, name, instance = name } = options;
  return surveyDirectory({ fs, root, prefix: keyPrefix, name: instance });
}

function placeOf({ name, path, prefix }: Pick<FsSinkOptions, 'name' | 'path' | 'prefix'>): {
  readonly root: string;
  readonly keyPrefix: string;
} {
  const root = realPath(resolve(path));
  if (root === '/') {
    throw new HypError('E_CONFIG', `sink ${name} cannot write to the root directory`, {
      hint: 'Give it a directory of its own.',
    });
  }
  return { root, keyPrefix: toKeyPrefix(prefix ?? '') };
}

/** Links resolved as far as the path can be followed: it names a destination not yet made, too. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (path === '/') throw error;
    const cut = path.lastIndexOf('/');
    const parent = realPath(path.slice(0, cut) || '/');
    return `${parent === '/' ? '' : parent}${path.slice(cut)}`;
  }
}
