/**
 * Owns: whether the places a configuration names can be used: the nearest directory that exists can
 * be written and has hard links. Leaves nothing behind and makes no directory.
 * Not its job: a place as it will be later; the engine and each sink look again when they open.
 * llp/0010
 */
import { dirname } from 'node:path';
import { HypError, systemCode } from '../core/errors.ts';
import { assertLinks } from '../core/durable-fs.ts';
import type { DurableFs } from '../core/durable-fs.ts';
import type { Random } from '../core/random.ts';
import type { HypConfig } from './config.ts';

export interface ProbeFinding {
  /** `root` or `sinks.<name>`. */
  readonly what: string;
  readonly path: string;
  readonly message: string;
}

async function nearestDirectory(fs: DurableFs, path: string): Promise<string> {
  const stat = await fs.stat(path);
  if (stat?.kind === 'directory') return path;
  if (stat !== undefined) throw new HypError('E_UNAVAILABLE', `not a directory: ${path}`);
  return nearestDirectory(fs, dirname(path));
}

async function problemOf(fs: DurableFs, path: string, random: Random): Promise<string | undefined> {
  try {
    await assertLinks(fs, await nearestDirectory(fs, path), random.uuid());
    return undefined;
  } catch (error) {
    if (error instanceof HypError) return error.message;
    return `cannot be written (${systemCode(error) ?? String(error)})`;
  }
}

/** What stands in the way of the store and of each sink; empty when nothing does. */
export async function probeConfig(
  config: HypConfig,
  fs: DurableFs,
  random: Random,
): Promise<readonly ProbeFinding[]> {
  const places = [
    { what: 'root', path: config.root },
    ...config.sinks.map((sink) => ({ what: `sinks.${sink.name}`, path: sink.path })),
  ];
  const findings: ProbeFinding[] = [];
  for (const place of places) {
    const message = await problemOf(fs, place.path, random);
    if (message !== undefined) findings.push({ ...place, message });
  }
  return findings;
}
