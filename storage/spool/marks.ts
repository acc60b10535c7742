/**
 * Owns: the files of a writer's directory besides its segments, and what a look into it says.
 *
 * | file | says | made by |
 * | seal | from now on nothing beyond the end counts | the writer when it is done, or a closer |
 * | end | the last ordinal that counts | whoever proposes first |
 * | tomb | all of it is committed; segments that are here are of a writer that woke too late | trim |
 *
 * Each is immutable and made by an exclusive link; `propose` answers what stands, durably.
 * A crash leaves a temp file, which goes with the directory.
 * llp/0007
 */
import { z } from 'zod';
import { SEAL_PLACEHOLDER, checkSeal, sealBytes } from '../../src/core/digest.ts';
import { createSynced, isMissing, readFileIfAny, unlinkIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { HypError, systemCode } from '../../src/core/errors.ts';
import type { WriterId } from '../../src/core/ids.ts';
import type { Random } from '../../src/core/random.ts';
import type { SegmentFile } from './segment.ts';

const FORMAT = 1;
const SEGMENT_NAME = /^(\d{8,})\.seg$/;

const shapes = {
  /** `writer`: nothing of it can be paused any more. */
  seal: z.object({ by: z.enum(['writer', 'other']) }),
  /** `writer`: it knows by its own syncs that everything up to it was durable. */
  end: z.object({
    ordinal: z.string().regex(/^\d+$/).transform(BigInt),
    by: z.enum(['writer', 'other']),
  }),
  tomb: z.object({ atMs: z.number() }),
} as const;

type MarkName = keyof typeof shapes;
type MarkValue<K extends MarkName> = z.output<(typeof shapes)[K]>;

/** What a directory listing says of a writer. */
export interface WriterLook {
  readonly segments: readonly number[];
  readonly sealed: boolean;
  readonly ended: boolean;
  readonly tomb: boolean;
}

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.seg`;
}

export function segmentFile(writerDir: string, writer: WriterId, number: number): SegmentFile {
  return { writer, segment: number, path: `${writerDir}/${segmentName(number)}` };
}

/** One listing. undefined: there is no such directory (any more). */
export async function lookAt(fs: DurableFs, writerDir: string): Promise<WriterLook | undefined> {
  let names: string[];
  try {
    names = await fs.readdir(writerDir);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const segments = names.flatMap((name) => {
    const digits = SEGMENT_NAME.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
  const ended = names.includes('end');
  return {
    segments: segments.sort((a, b) => a - b),
    sealed: ended || names.includes('seal'),
    ended,
    tomb: names.includes('tomb'),
  };
}

/** The mark's value, or undefined when it is not there. E_CORRUPT when it is damaged. */
export async function readMark<K extends MarkName>(
  fs: DurableFs,
  writerDir: string,
  name: K,
): Promise<MarkValue<K> | undefined> {
  const path = `${writerDir}/${name}`;
  const bytes = await readFileIfAny(fs, path);
  if (bytes === undefined) return undefined;
  if (checkSeal(bytes) !== 'whole') throw corrupt(path);
  let value: { hyp?: unknown; format?: unknown };
  try {
    value = z
      .looseObject({ hyp: z.literal(`spool-${name}`), format: z.number() })
      .parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    if (value.format === FORMAT) return shapes[name].parse(value) as MarkValue<K>;
  } catch (cause) {
    throw corrupt(path, cause);
  }
  throw new HypError('E_UNSUPPORTED_FORMAT', `${path} has format ${String(value.format)}`, {
    hint: `This hyp knows format ${FORMAT}: use the hyp that wrote it, or a newer one.`,
  });
}

/**
 * Makes the mark unless there is one, and makes it durable whoever made it. Answers the one that
 * stands. ENOENT when the directory is gone.
 */
export async function propose<K extends MarkName>(
  { fs, random }: { readonly fs: DurableFs; readonly random: Random },
  writerDir: string,
  name: K,
  value: z.input<(typeof shapes)[K]>,
): Promise<MarkValue<K>> {
  const temp = `${writerDir}/.${random.uuid()}.tmp`;
  const head = { hyp: `spool-${name}`, format: FORMAT, seal: SEAL_PLACEHOLDER };
  const text = JSON.stringify({ ...head, ...value });
  await createSynced(fs, temp, sealBytes(Buffer.from(`${text}\n`)));
  try {
    await fs.link(temp, `${writerDir}/${name}`);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    await unlinkIfAny(fs, temp).catch(() => undefined);
  }
  await fs.syncDir(writerDir);
  const standing = await readMark(fs, writerDir, name);
  if (standing !== undefined) return standing;
  throw Object.assign(new Error(`gone: ${writerDir}/${name}`), { code: 'ENOENT' });
}

function corrupt(path: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `spool mark is damaged: ${path}`, {
    cause,
    hint: 'Nothing was skipped. Run `hyp check` and keep the file.',
    details: { path },
  });
}
