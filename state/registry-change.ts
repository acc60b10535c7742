/**
 * Owns: what a person changes of a registered sink, as pure functions over the registry, and the one
 * durable step that makes a change true.
 * Commit point of each: the link of the next version of the registry.
 *
 * | change | durable before | a crash right after the link leaves |
 * | pause | - | a paused sink: open units stay open, rows are held back |
 * | resume | - | the sink goes on where it was |
 * | forget | - | a sink that holds no rows back and is not run; its progress and destination as they are |
 *
 * A crash before the link leaves all as it was. Every change is idempotent.
 * Not its job: whether rows would be lost (engine/sink-commands).
 * llp/0018
 */
import { HypError } from '../src/core/errors.ts';
import type { SinkName } from '../src/core/ids.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { VersionedRecord } from '../src/core/versioned-record.ts';
import type { RegisteredSink, Registry } from './registry.ts';

export type SinkVerb = 'pause' | 'resume' | 'forget';

/** `sink` as it is after the change; undefined: nothing to change. */
export function changedSink(
  sink: RegisteredSink,
  verb: SinkVerb,
  atMs: number,
): RegisteredSink | undefined {
  const { pausedSinceMs, ...rest } = sink;
  switch (verb) {
    case 'pause':
      return pausedSinceMs === undefined ? { ...sink, pausedSinceMs: atMs } : undefined;
    case 'resume':
      return pausedSinceMs === undefined ? undefined : rest;
    case 'forget':
      return sink.forgottenSinceMs === undefined ? { ...sink, forgottenSinceMs: atMs } : undefined;
  }
}

/**
 * Changes `name`; answers true when that was a new version, false when it was so already. Durable
 * when it answers; idempotent, from any number of processes. E_USAGE for a sink that is not
 * registered, E_CONFLICT, E_UNKNOWN_OUTCOME, E_CORRUPT.
 */
export async function changeSink(
  record: VersionedRecord<Registry>,
  change: { readonly name: SinkName; readonly verb: SinkVerb; readonly atMs: number },
): Promise<boolean> {
  const { name, verb, atMs } = change;
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const head = await record.load();
    const sinks = head?.value ?? [];
    const known = sinks.find((sink) => sink.name === name);
    const gone = known === undefined || (known.forgottenSinceMs !== undefined && verb !== 'forget');
    if (gone) {
      throw new HypError('E_USAGE', `no sink ${name} is registered in this store`, {
        hint: 'A sink is registered by its first tick; `hyp sink list` names them.',
      });
    }
    const changed = changedSink(known, verb, atMs);
    if (changed === undefined) return false;
    const next = sinks.map((sink) => (sink === known ? changed : sink));
    if ((await record.append(head, next)).kind === 'linked') return true;
  }
  throw new HypError('E_CONFLICT', `the registry changes too fast to ${verb} ${name}`, {
    hint: 'Run the command again.',
  });
}
