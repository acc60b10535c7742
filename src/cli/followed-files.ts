/**
 * Owns: which files `hyp backfill --follow` looks at, asked again at each poll: those the arguments
 * mean now, and their rotated ones beside them (`app.log.1`, `app.log-20261121.gz`,
 * `app-2026-11-21.log`), because lines written just before a rotation are found there, and so are
 * whole files that came and went while nobody looked. What is not there yet is waited for.
 * Keeps nothing: after a restart the same names mean the same files.
 * llp/0012
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { isHypError, systemCode } from '../core/errors.ts';
import { MAGIC, READABLE, expandBraces, expandInputs, globPattern } from './inputs.ts';
import type { OnOddName } from './inputs.ts';

const PACKED = String.raw`(?:\.gz|\.zst)?`;
/** What follows `app.log` and a separator. */
const AFTER = new RegExp(String.raw`^(?:\d[\d\-_.T:Z]*|old)${PACKED}$`, 'u');
/** What follows `app` and a separator: a date, or after a dot any number; then the extension. */
const DATED = new RegExp(
  String.raw`^\d{4}[-_]?\d\d[\d\-_.T:Z]*?(\.[A-Za-z][A-Za-z0-9]*)${PACKED}$`,
  'u',
);
const NUMBERED = new RegExp(String.raw`^\d+(\.[A-Za-z][A-Za-z0-9]*)${PACKED}$`, 'u');

interface Rotated {
  /** The name of the file it may have been. */
  readonly base: string;
  /** The number or date of the rotation. */
  readonly mark: string;
}

/** What the file `name` may have been before a rotation renamed or copied it. */
export function rotatedFrom(name: string): readonly Rotated[] {
  const found: Rotated[] = [];
  for (let at = 1; at < name.length; at++) {
    const separator = name.charAt(at);
    if (!'-._'.includes(separator)) continue;
    const before = name.slice(0, at);
    const mark = name.slice(at + 1);
    if (AFTER.test(mark)) found.push({ base: before, mark });
    const extension = (DATED.exec(mark) ?? (separator === '.' ? NUMBERED.exec(mark) : null))?.[1];
    if (extension !== undefined) found.push({ base: before + extension, mark });
  }
  return found;
}

/** Older ones first: .2 is older than .1, but of dates the smaller is. */
function byAge(a: Rotated, b: Rotated): number {
  const [left, right] = [Number.parseInt(a.mark, 10), Number.parseInt(b.mark, 10)];
  const areCounts = [a, b].every(({ mark }) => /^\d{1,4}(?!\d|-)/u.test(mark));
  if (areCounts && left !== right) return right - left;
  return a.mark < b.mark ? -1 : 1;
}

/** An argument's files, and whether a path that is not there could be one. */
interface Meant {
  readonly files: readonly string[];
  readonly dirs: ReadonlySet<string>;
  readonly isMeant: (path: string) => boolean;
}

async function meant(
  argument: string,
  cwd: string,
  onOddName: OnOddName | undefined,
): Promise<Meant> {
  const path = resolve(cwd, argument);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    const files = await expanded(argument, cwd, onOddName);
    return {
      files,
      dirs: new Set([path, ...files.map(dirname)]),
      isMeant: (it) => READABLE.test(it),
    };
  }
  if (found !== undefined || !MAGIC.test(argument)) {
    return { files: [path], dirs: new Set([dirname(path)]), isMeant: (it) => it === path };
  }
  const patterns = expandBraces(argument).map((each) => resolve(cwd, each).split(sep));
  const wanted = patterns.map((segments) => globPattern(segments));
  const files = await expanded(argument, cwd, onOddName);
  const bases = patterns.map((segments) => {
    const magic = segments.findIndex((segment) => MAGIC.test(segment));
    return segments.slice(0, magic < 0 ? -1 : magic).join(sep) || sep;
  });
  return {
    files,
    dirs: new Set([...bases, ...files.map(dirname)]),
    isMeant: (it) => wanted.some((pattern) => pattern.test(it.split(sep).join('/'))),
  };
}

/** What is not there, or no longer, is looked for at the next poll. */
async function expanded(
  argument: string,
  cwd: string,
  onOddName: OnOddName | undefined,
): Promise<readonly string[]> {
  try {
    return await expandInputs([argument], cwd, onOddName);
  } catch (error) {
    if (isHypError(error, 'E_USAGE') || systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function rotatedIn(dir: string, { isMeant }: Meant): Promise<readonly string[]> {
  const names = await readdir(dir).catch(() => []);
  const rotated = names.flatMap((name) => {
    const from = rotatedFrom(name).find(({ base }) => isMeant(join(dir, base)));
    return from === undefined ? [] : [{ ...from, path: join(dir, name) }];
  });
  return rotated.sort(byAge).map(({ path }) => path);
}

/**
 * The files to look at now, by absolute path, each once, rotated ones first. E_BAD_INPUT for a name
 * that is not UTF-8, unless `onOddName` takes it and the file is passed over.
 */
export async function followedFiles(
  arguments_: readonly string[],
  cwd: string,
  onOddName?: OnOddName,
): Promise<readonly string[]> {
  const files = new Set<string>();
  for (const argument of arguments_) {
    const all = await meant(argument, cwd, onOddName);
    for (const dir of all.dirs) for (const path of await rotatedIn(dir, all)) files.add(path);
    for (const path of all.files) files.add(path);
  }
  return [...files];
}
