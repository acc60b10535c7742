/**
 * Owns: hyp.yaml to HypConfig: every problem at once, each with line and column, or a whole
 * configuration. The rules that concern more than one key live here. Pure.
 * llp/0010
 */
import { dirname, join, resolve, sep } from 'node:path';
import type { z } from 'zod';
import { HypError, isHypError } from '../core/errors.ts';
import { toDatasetName, toSinkName } from '../core/ids.ts';
import type { SinkName } from '../core/ids.ts';
import { readColumns } from './columns.ts';
import type { DeclaredColumn } from './columns.ts';
import { DEFAULTS, SINK_TYPES } from './config.ts';
import type { DatasetConfig, HypConfig, SinkConfig } from './config.ts';
import { Problems } from './problems.ts';
import {
  daemonSchema,
  datasetSchema,
  diskSchema,
  mapping,
  rootSchema,
  sinkSchema,
  spoolSchema,
} from './schema.ts';
import { parsePrefix } from './key-template.ts';
import { readYaml } from './yaml-tree.ts';
import type { Environment, Path } from './yaml-tree.ts';

/** What the entry of every dataset without one of its own falls back to. */
const ANY_DATASET = '*';

interface Place {
  /** Directory relative paths start from. */
  readonly base: string;
  readonly root: string;
}

interface DatasetEntry extends Omit<z.output<typeof datasetSchema>, 'columns'> {
  readonly columns?: readonly DeclaredColumn[] | undefined;
}

function entriesOf(value: unknown, path: Path, problems: Problems): [string, unknown][] {
  if (value === undefined || value === null) return [];
  return Object.entries(problems.check(mapping, value, path) ?? {});
}

/** Runs a validating constructor; its complaint becomes a problem at the key of `path`. */
function named<T>(make: () => T, path: Path, problems: Problems): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!isHypError(error)) throw error;
    problems.add(path, `${error.message}. ${error.hint ?? ''}`.trim(), 'key');
    return undefined;
  }
}

function readDatasets(value: unknown, problems: Problems): ReadonlyMap<string, DatasetEntry> {
  const entries = new Map<string, DatasetEntry>();
  for (const [name, entry] of entriesOf(value, ['datasets'], problems)) {
    const path = ['datasets', name];
    if (name !== ANY_DATASET) named(() => toDatasetName(name), path, problems);
    const read = problems.check(datasetSchema, entry ?? {}, path);
    if (read === undefined) continue;
    const { columns, ...others } = read;
    const given = columns ?? undefined;
    const declared = given && readColumns(given, [...path, 'columns'], problems);
    entries.set(name, { ...others, columns: declared });
  }
  return entries;
}

function mergeDataset(...entries: readonly (DatasetEntry | undefined)[]): DatasetConfig {
  const flushes = entries.map((entry) => entry?.flush);
  const delay = flushes.find((flush) => flush?.maxDelay !== undefined)?.maxDelay;
  const bytes = flushes.find((flush) => flush?.maxBytes !== undefined)?.maxBytes;
  return {
    flush: {
      maxDelayMs: delay ?? DEFAULTS.flush.maxDelayMs,
      maxBytes: bytes ?? DEFAULTS.flush.maxBytes,
    },
    columns: entries.find((entry) => entry?.columns !== undefined)?.columns,
  };
}

function readSink(
  name: SinkName,
  value: unknown,
  base: string,
  problems: Problems,
): SinkConfig | undefined {
  const path = ['sinks', name];
  if (!knownType(value, path, problems)) return undefined;
  const read = problems.check(sinkSchema, value, path);
  if (read === undefined) return undefined;
  return {
    name,
    type: read.type,
    path: resolve(base, read.path),
    prefix: read.prefix,
    format: read.format,
    partition: read.partition,
    rotate: {
      rows: read.rotate.rows,
      bytes: read.rotate.bytes,
      intervalMs: read.rotate.interval,
    },
    datasets: read.datasets?.map(toDatasetName),
    retry: { initialMs: read.retry.initial, maxMs: read.retry.max },
  };
}

/** The other keys of a type we do not know would only be noise beside the one real problem. */
function knownType(value: unknown, path: Path, problems: Problems): boolean {
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMapping) return true;
  const type: unknown = 'type' in value ? value.type : undefined;
  if (SINK_TYPES.some((known) => known === type)) return true;
  const known = `known: ${SINK_TYPES.join(', ')}`;
  const typePath = [...path, 'type'];
  if (type === undefined || type === null) problems.add(typePath, `a sink needs a type; ${known}`);
  else {
    const shown = problems.secret(typePath)
      ? 'this sink type'
      : `sink type ${JSON.stringify(type)}`;
    problems.add(typePath, `${shown} is not known to this version; ${known}`);
  }
  return false;
}

function readSinks(value: unknown, base: string, problems: Problems): readonly SinkConfig[] {
  const sinks: SinkConfig[] = [];
  for (const [key, entry] of entriesOf(value, ['sinks'], problems)) {
    const name = named(() => toSinkName(key), ['sinks', key], problems);
    const sink = name && readSink(name, entry ?? {}, base, problems);
    if (sink !== undefined) sinks.push(sink);
  }
  return sinks;
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/** Where the sink would write, also when other keys of it are wrong; undefined when unknown. */
function destinationOf(value: unknown, base: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { path, prefix = '' } = value as { readonly path?: unknown; readonly prefix?: unknown };
  const clean = typeof prefix === 'string' ? parsePrefix(prefix) : undefined;
  if (typeof path !== 'string' || path === '' || clean === undefined) return undefined;
  return join(resolve(base, path), clean);
}

/** What is wrong with a sink writing to `destination` beside another one's; undefined when nothing. */
function collision(
  [name, destination]: readonly [string, string],
  [other, occupied]: readonly [string, string],
): string | undefined {
  if (destination === occupied) {
    return `sinks ${other} and ${name} have one destination; give each its own`;
  }
  const nested = isWithin(destination, occupied) || isWithin(occupied, destination);
  if (!nested) return undefined;
  const text = `the destinations of sinks ${other} and ${name} lie inside one another`;
  return `${text}: who reads the outer one would find rows twice; give each its own`;
}

/**
 * Two sinks on one destination would each take the other's objects for a fork; of two nested ones
 * the outer one's readers would see rows twice. A store inside a destination is a dataset's folder.
 */
function checkDestinations(value: unknown, place: Place, problems: Problems): void {
  const owners: (readonly [string, string])[] = [];
  for (const [name, entry] of entriesOf(value, ['sinks'], problems)) {
    const destination = destinationOf(entry, place.base);
    if (destination === undefined) continue;
    const at = ['sinks', name, 'path'];
    const here = [name, destination] as const;
    for (const owner of owners) {
      const problem = collision(here, owner);
      if (problem !== undefined) problems.add(at, problem);
    }
    owners.push(here);
    if (isWithin(destination, place.root)) {
      problems.add(at, 'a sink may not export into the store itself');
    } else if (isWithin(place.root, destination)) {
      problems.add(
        at,
        'the store lies inside this destination; give the sink a directory of its own',
      );
    }
  }
}

function without(paths: ReadonlySet<string>, path: string): ReadonlySet<string> {
  return new Set([...paths].filter((other) => other !== path));
}

function failure(problems: Problems, file: string): HypError {
  const list = problems.list();
  const lines = list.map(
    ({ line, column, path, message }) =>
      `  ${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
  );
  const what = list.length === 1 ? '1 problem' : `${list.length} problems`;
  return new HypError('E_CONFIG', `${what} in ${file}:\n${lines.join('\n')}`, {
    hint: 'Mend the file, then run `hyp validate`.',
    details: { file, problems: list },
  });
}

/**
 * The configuration in `text`. Relative paths start at the directory of `options.path`, which must
 * be absolute; `options.root` (absolute) overrides the file's. Throws E_CONFIG with every problem
 * in `details.problems`: {path, line, column, message}, lines and columns from 1.
 */
export function parseConfig(
  text: string,
  options: {
    readonly path: string;
    readonly env: Environment;
    readonly root?: string | undefined;
  },
): HypConfig {
  const tree = readYaml(text, options.env);
  const problems = new Problems(tree);
  const top = tree.value ?? {};
  const sections = problems.check(mapping, top, []) ?? {};
  const read = problems.check(rootSchema, top, []);
  const base = dirname(options.path);
  const root = options.root ?? resolve(base, read?.root ?? DEFAULTS.root);
  const datasets = readDatasets(sections['datasets'], problems);
  const place = { base, root };
  const sinks = readSinks(sections['sinks'], base, problems);
  checkDestinations(sections['sinks'], place, problems);
  const daemon = problems.check(daemonSchema, sections['daemon'] ?? {}, ['daemon']);
  const disk = problems.check(diskSchema, sections['disk'] ?? {}, ['disk']);
  const spool = problems.check(spoolSchema, sections['spool'] ?? {}, ['spool']);
  if (problems.list().length > 0 || !daemon || !disk || !spool) {
    throw failure(problems, options.path);
  }
  const dataset = (name: string) => mergeDataset(datasets.get(name), datasets.get(ANY_DATASET));
  return {
    root,
    path: options.path,
    dataset,
    sinks,
    daemon: { tickMs: daemon.tick, http: daemon.http ?? undefined, drainMs: daemon.drain },
    disk: { minFreeBytes: disk.minFree },
    spool: { maxBytes: spool.maxBytes, maxWaitMs: spool.maxWait },
    declared: new Map([...datasets.keys()].map((name) => [name, dataset(name)])),
    fromEnv: options.root === undefined ? tree.fromEnv : without(tree.fromEnv, 'root'),
  };
}
