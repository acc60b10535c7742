/**
 * Owns: a destination of objects as a reader finds it: whose it is, which unit files and objects are
 * there. Reads only: nothing is created, repaired, synced or removed, so that `hyp verify` can look
 * at a destination without changing what it proves.
 * Bounded (I13): the names of one directory and one unit file at a time.
 * Not its job: what should be there (engine/verify), how it came there (blob).
 * llp/0018
 */
import { readFileIfAny, readdirIfAny } from '../../src/core/durable-fs.ts';
import type { DurableFs } from '../../src/core/durable-fs.ts';
import { HypError, isHypError, systemCode } from '../../src/core/errors.ts';
import { lineageShort, seqText } from '../../src/core/ids.ts';
import type { Seq, SinkName } from '../../src/core/ids.ts';
import type { Unit } from '../../src/core/unit.ts';
import { digestFile } from './digest-stream.ts';
import { isSafeKey, ownerKey, parseObjectKey, parseUnitKey, unitDir } from './object-key.ts';
import type { ParsedObjectKey } from './object-key.ts';
import type { ObjectDigest } from './store.ts';
import { decodeOwner, decodeUnitFile } from './unit-manifest.ts';
import type { UnitFileKind } from './unit-manifest.ts';

/** A plan or a manifest as it was found. */
export type UnitFile =
  | { readonly state: 'none' }
  | { readonly state: 'whole'; readonly unit: Unit }
  | { readonly state: 'damaged'; readonly reason: string };

/** All that is there for the unit of rows above `after`. */
export interface UnitFiles {
  readonly lineageShort: string;
  readonly after: Seq;
  readonly plan: UnitFile;
  readonly manifest: UnitFile;
}

/** What names a unit at a destination. */
export interface UnitStart {
  readonly dataset: string;
  readonly lineageShort: string;
  readonly after: Seq;
}

/** A file below a dataset's directory that is no plan and no manifest of this sink. */
export interface FoundKey {
  readonly key: string;
  /** What its name says it is; undefined when no part is ever named so. */
  readonly part: ParsedObjectKey | undefined;
}

/** All errors are HypErrors; E_UNAVAILABLE when the place cannot be read. */
export interface Survey {
  /** The directory all keys are below. */
  readonly place: string;
  /** Whose destination it is; undefined when nobody has claimed it. E_CORRUPT. */
  owner(): Promise<string | undefined>;
  /** Names beside the owner file, sorted: datasets, and what does not belong there. */
  names(): Promise<readonly { readonly name: string; readonly directory: boolean }[]>;
  /** Every start of a unit of `dataset`, in order of lineage, then seq. */
  units(dataset: string): AsyncIterable<UnitFiles>;
  /** What is there now for one start. */
  unitAt(start: UnitStart): Promise<UnitFiles>;
  /** Every other file of `dataset`; names that begin with a dot are passed over, as by readers. */
  keys(dataset: string): AsyncIterable<FoundKey>;
  /** Bytes of an object, undefined when there is none. */
  sizeOf(key: string): Promise<number | undefined>;
  /** Size and SHA-256 of an object, read whole in bounded memory. */
  digestOf(key: string): Promise<ObjectDigest | undefined>;
  /** Where an object is on this machine. */
  pathOf(key: string): string;
  /** Where the plan or the manifest of a unit is, or would be. */
  unitPath(kind: UnitFileKind, unit: UnitStart): string;
}

export interface SurveyOptions {
  readonly fs: DurableFs;
  /** Absolute. */
  readonly root: string;
  /** As `toKeyPrefix` gives it. */
  readonly prefix: string;
  /** The sink instance whose units are looked at. */
  readonly name: SinkName;
}

/** Looks at the directory `root`; touches nothing, now or later. */
export function surveyDirectory(options: SurveyOptions): Survey {
  const { fs, root, prefix } = options;
  const base = prefix === '' ? root : `${root}/${prefix}`;
  const pathOf = (key: string): string => `${root}/${key}`;
  return {
    place: base,
    pathOf,
    unitPath: (kind, start) => unitPath(options, kind, start),
    units: (dataset) => units(options, dataset),
    unitAt: (start) => unitAt(options, start),
    keys: (dataset) => keys(options, prefix === '' ? dataset : `${prefix}/${dataset}`),
    owner: async () => {
      const path = pathOf(ownerKey(prefix));
      const bytes = await guard(path, () => readFileIfAny(fs, path));
      return bytes === undefined ? undefined : decodeOwner(bytes, path);
    },
    names: () => names(fs, base),
    sizeOf: async (key) => {
      const stat = await guard(key, () => fs.stat(pathOf(key)));
      return stat?.kind === 'file' ? stat.size : undefined;
    },
    digestOf: (key) => guard(key, () => digestFile(fs, pathOf(key), { sync: false })),
  };
}

async function names(
  fs: DurableFs,
  base: string,
): Promise<{ readonly name: string; readonly directory: boolean }[]> {
  const found = [];
  for (const name of await guard(base, () => readdirIfAny(fs, base))) {
    if (name.startsWith('.') || name === ownerKey('')) continue;
    const stat = await guard(base, () => fs.stat(`${base}/${name}`));
    if (stat !== undefined) found.push({ name, directory: stat.kind === 'directory' });
  }
  return found;
}

function unitPath(
  { root, prefix, name }: SurveyOptions,
  kind: UnitFileKind,
  of: UnitStart,
): string {
  const file = `${of.lineageShort}-${seqText(of.after)}${kind === 'plan' ? '.plan' : ''}.json`;
  return `${root}/${unitDir(prefix, of.dataset, name)}/${file}`;
}

async function unitAt(options: SurveyOptions, start: UnitStart): Promise<UnitFiles> {
  // The manifest first, as it is put last: a plan that is missing beside it was taken away.
  const manifest = await readUnitFile(options, start, 'unit');
  const plan = await readUnitFile(options, start, 'plan');
  return { lineageShort: start.lineageShort, after: start.after, manifest, plan };
}

async function* units(options: SurveyOptions, dataset: string): AsyncGenerator<UnitFiles> {
  const { fs, root, prefix, name } = options;
  const dir = unitDir(prefix, dataset, name);
  let last = '';
  for (const file of await guard(dir, () => readdirIfAny(fs, `${root}/${dir}`))) {
    const parsed = parseUnitKey(prefix, `${dir}/${file}`);
    if (parsed === undefined) continue;
    const start = `${parsed.lineageShort}-${parsed.after}`;
    if (start === last) continue;
    last = start;
    yield await unitAt(options, {
      dataset,
      lineageShort: parsed.lineageShort,
      after: parsed.after,
    });
  }
}

async function* keys(options: SurveyOptions, dirKey: string): AsyncGenerator<FoundKey> {
  const { fs, root, prefix, name } = options;
  for (const file of await guard(dirKey, () => readdirIfAny(fs, `${root}/${dirKey}`))) {
    if (file.startsWith('.')) continue;
    const key = `${dirKey}/${file}`;
    const stat = await guard(key, () => fs.stat(`${root}/${key}`));
    if (stat?.kind === 'directory') yield* keys(options, key);
    else if (stat !== undefined && parseUnitKey(prefix, key)?.instance !== name) {
      yield { key, part: isSafeKey(key) ? parseObjectKey(prefix, key) : undefined };
    }
  }
}

async function readUnitFile(
  options: SurveyOptions,
  start: UnitStart,
  kind: UnitFileKind,
): Promise<UnitFile> {
  const { fs } = options;
  const path = unitPath(options, kind, start);
  const bytes = await guard(path, () => readFileIfAny(fs, path));
  if (bytes === undefined) return { state: 'none' };
  try {
    const unit = decodeUnitFile(kind, bytes, path);
    const own = unit.dataset === start.dataset && unit.after === start.after;
    if (own && lineageShort(unit.lineage) === start.lineageShort) return { state: 'whole', unit };
    return { state: 'damaged', reason: `${path} is the file of another unit` };
  } catch (error) {
    if (!isHypError(error, 'E_CORRUPT')) throw error;
    return { state: 'damaged', reason: error.message };
  }
}

async function guard<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (isHypError(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HypError('E_UNAVAILABLE', `cannot look at ${what}: ${reason}`, {
      cause,
      hint: 'Nothing was changed. Let this user read the destination, then run it again.',
      details: { what, code: systemCode(cause) },
    });
  }
}
