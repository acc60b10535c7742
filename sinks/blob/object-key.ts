/**
 * Owns: every name at a blob destination, built and parsed here and nowhere else.
 *
 * | key | what |
 * | `<prefix>/<dataset>/<partition path>/<lineage>-<after>-<through>[-<part>].<ext>` | a part |
 * | `<prefix>/<dataset>/_hyp/<instance>/<lineage>-<after>.plan.json` | plan of a unit |
 * | `<prefix>/<dataset>/_hyp/<instance>/<lineage>-<after>.json` | unit manifest |
 * | `<prefix>/_hyp-owner.json` | whose destination this is |
 *
 * `<lineage>` is its first 12 hex digits, seqs have 19 digits, parts 3 or more. Plan and manifest
 * are named by the start alone: at most one unit can ever start at a seq (I8, I10).
 * A key is ASCII, relative, at most 1,024 bytes, no name of it above 255, none of them `.` or `..`.
 * llp/0009
 */
import { HypError } from '../../src/core/errors.ts';
import { lineageShort, seqText, toDatasetName, toSeq } from '../../src/core/ids.ts';
import type { DatasetName, Lineage, Seq, SinkName } from '../../src/core/ids.ts';
import { invariant } from '../../src/core/invariant.ts';

const KEY_BYTES = 1024;
const NAME_BYTES = 255;
export const PREFIX_BYTES = 200;
const CONTROL_DIR = '_hyp';

const SAFE_NAME = /^[A-Za-z0-9_.=~%+-]+$/;
const PREFIX_NAME = /^[A-Za-z0-9][A-Za-z0-9_.=+-]*$/;
const PART_NAME = /^([0-9a-f]{12})-(\d{19})-(\d{19})(?:-(\d{3,}))?\.([a-z0-9.]+)$/;
const UNIT_NAME = /^([0-9a-f]{12})-(\d{19})(\.plan)?\.json$/;
const EXTENSION = /^[a-z0-9]{1,16}(\.[a-z0-9]{1,16})?$/;

/** The range `(after, through]` of one part and where it goes. */
export interface ObjectName {
  /** Without slashes at its ends; '' for none. */
  readonly prefix: string;
  readonly dataset: DatasetName;
  /** As `splitByPartition` gives it; '' for none. */
  readonly partitionPath: string;
  readonly lineage: Lineage;
  readonly after: Seq;
  readonly through: Seq;
  /**
   * Place in the unit, from 0. Left out for a unit of one part. Count across the whole unit, not per
   * partition: then names differ even where a file system takes two partition paths for one.
   */
  readonly part: number | undefined;
  /** 'ndjson', 'ndjson.gz' or 'parquet'. */
  readonly ext: string;
}

/** What a part's key says; only the first 12 hex digits of the lineage are in it. */
export interface ParsedObjectKey extends Omit<ObjectName, 'lineage'> {
  readonly lineageShort: string;
}

/** Which unit a plan or manifest is of. */
export interface UnitName {
  readonly prefix: string;
  readonly dataset: DatasetName;
  /** The sink instance. */
  readonly instance: SinkName;
  readonly lineage: Lineage;
  readonly after: Seq;
}

export interface ParsedUnitKey extends Omit<UnitName, 'lineage' | 'instance'> {
  readonly kind: 'plan' | 'manifest';
  readonly instance: string;
  readonly lineageShort: string;
}

/** The prefix without slashes at its ends. E_CONFIG when it could leave the destination. */
export function toKeyPrefix(text: string): string {
  const prefix = text.replace(/^\/+|\/+$/g, '');
  const names = prefix === '' ? [] : prefix.split('/');
  if (prefix.length > PREFIX_BYTES || !names.every((name) => PREFIX_NAME.test(name))) {
    throw new HypError('E_CONFIG', `not a key prefix: ${JSON.stringify(text)}`, {
      hint: `Use names of A-Z a-z 0-9 _ . = + - beginning with a letter or digit, "/" between them, at most ${PREFIX_BYTES} characters.`,
    });
  }
  return prefix;
}

function join(...names: readonly string[]): string {
  const key = names.filter((name) => name !== '').join('/');
  invariant(isSafeKey(key), `key is safe: ${key}`);
  return key;
}

/** True when `key` stays inside any directory it is put below and fits every store. */
export function isSafeKey(key: string): boolean {
  return (
    key.length <= KEY_BYTES &&
    key.split('/').every((name) => {
      return name.length <= NAME_BYTES && SAFE_NAME.test(name) && name !== '.' && name !== '..';
    })
  );
}

/** Key of one part. E_INTERNAL when the partition path is not one of `splitByPartition`. */
export function objectKey(name: ObjectName): string {
  return partKey({ ...name, lineageShort: lineageShort(name.lineage) });
}

function partKey(name: ParsedObjectKey): string {
  invariant(EXTENSION.test(name.ext), `extension is known: ${name.ext}`);
  const [first] = name.partitionPath.split('/');
  invariant(first !== CONTROL_DIR, 'rows never go where plans and manifests are');
  const part = name.part === undefined ? '' : `-${name.part.toString().padStart(3, '0')}`;
  const range = `${seqText(name.after)}-${seqText(name.through)}`;
  const file = `${name.lineageShort}-${range}${part}.${name.ext}`;
  return join(name.prefix, name.dataset, name.partitionPath, file);
}

/** The key of a part below `prefix`, or undefined for anything else. `parse(build(x))` is x. */
export function parseObjectKey(prefix: string, key: string): ParsedObjectKey | undefined {
  const place = split(prefix, key);
  const match = PART_NAME.exec(place?.file ?? '');
  if (place === undefined || match === null) return undefined;
  const [, short = '', after = '', through = '', part, ext = ''] = match;
  const parsed = attempt(() => ({
    prefix,
    dataset: toDatasetName(place.dataset),
    partitionPath: place.path,
    lineageShort: short,
    after: toSeq(after),
    through: toSeq(through),
    part: part === undefined ? undefined : Number(part),
    ext,
  }));
  return parsed && attempt(() => partKey(parsed)) === key ? parsed : undefined;
}

/** Key of the plan, put before the first part. */
export function planKey(name: UnitName): string {
  return `${unitStem(name)}.plan.json`;
}

/** Key of the unit manifest, put after the last part. */
export function manifestKey(name: UnitName): string {
  return `${unitStem(name)}.json`;
}

function unitStem(name: UnitName): string {
  const file = `${lineageShort(name.lineage)}-${seqText(name.after)}`;
  return `${unitDir(name.prefix, name.dataset, name.instance)}/${file}`;
}

/** The directory of an instance's plans and manifests, as a key. */
export function unitDir(prefix: string, dataset: string, instance: string): string {
  return join(prefix, dataset, CONTROL_DIR, instance);
}

/** The key of a plan or manifest below `prefix`, or undefined for anything else. */
export function parseUnitKey(prefix: string, key: string): ParsedUnitKey | undefined {
  const place = split(prefix, key);
  const match = UNIT_NAME.exec(place?.file ?? '');
  const [control, instance, ...more] = place?.path.split('/') ?? [];
  if (place === undefined || match === null || control !== CONTROL_DIR) return undefined;
  if (instance === undefined || more.length > 0) return undefined;
  const [, short = '', after = '', plan] = match;
  return attempt(() => ({
    kind: plan === undefined ? ('manifest' as const) : ('plan' as const),
    prefix,
    dataset: toDatasetName(place.dataset),
    instance,
    lineageShort: short,
    after: toSeq(after),
  }));
}

/** Key of the file that says whose destination this is. */
export function ownerKey(prefix: string): string {
  return join(prefix, `${CONTROL_DIR}-owner.json`);
}

function split(
  prefix: string,
  key: string,
): { readonly dataset: string; readonly path: string; readonly file: string } | undefined {
  const base = prefix === '' ? '' : `${prefix}/`;
  if (!key.startsWith(base) || !isSafeKey(key)) return undefined;
  const [dataset, ...rest] = key.slice(base.length).split('/');
  const file = rest.pop();
  if (dataset === undefined || file === undefined) return undefined;
  return { dataset, path: rest.join('/'), file };
}

/** A key comes from a directory listing: what does not parse is not ours, not an error. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
