/**
 * Owns: giving a registered sink another name: one version of the registry. What its records and its
 * destination call it, its first name, stays for ever, so that nothing there has to be moved.
 * Commit point: the link of the next version of the registry.
 *
 * | step | durable then | a crash right after leaves |
 * | 1 the next version linked | **it has the new name**, for every process from its next step on | - |
 *
 * A crash before the link leaves the old name. A process within a step works on the same records and
 * the same units under either name: it meets whoever is beside it by their versions (I9), as ever.
 *
 * | label | registry | answer |
 * | done | no sink has the old name; the one with the new name had it | nothing is written |
 * | unknown | no sink has the old name, or it was forgotten | E_USAGE |
 * | taken | another sink has the new name, or had it | E_REFUSED |
 * | go | - | linked |
 *
 * A name that a sink once had stays its own: whoever still runs under it is refused, and a sink of
 * that name never finds another's records (state/layout) or plans.
 * llp/0022
 */
import { HypError } from '../src/core/errors.ts';
import type { SinkName } from '../src/core/ids.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { VersionedRecord } from '../src/core/versioned-record.ts';
import { heirOf, instanceOf } from './registry.ts';
import type { RegisteredSink, Registry } from './registry.ts';

export type RenameDecision =
  | { readonly label: 'go'; readonly sink: RegisteredSink }
  | { readonly label: 'done'; readonly sink: RegisteredSink }
  /** `heir`: what the sink that had this name is called now. */
  | { readonly label: 'unknown'; readonly heir: SinkName | undefined }
  | { readonly label: 'taken'; readonly by: SinkName };

/** What giving `from` the name `to` means beside the other sinks. */
export function renameAction(sinks: Registry, from: SinkName, to: SinkName): RenameDecision {
  const sink = sinks.find(({ name }) => name === from);
  const holder = sinks.find(({ name }) => name === to);
  if (sink === undefined) {
    if (holder?.formerly?.includes(from) === true) return { label: 'done', sink: holder };
    return { label: 'unknown', heir: heirOf(sinks, from)?.name };
  }
  if (sink.forgottenSinceMs !== undefined) return { label: 'unknown', heir: undefined };
  const by = holder ?? heirOf(sinks, to);
  // Its own former name may come back.
  if (by !== undefined && (by !== sink || by === holder)) return { label: 'taken', by: by.name };
  return { label: 'go', sink };
}

/** `sink` by the name `to`. */
export function renamedSink(sink: RegisteredSink, to: SinkName): RegisteredSink {
  const before = sink.formerly?.filter((name) => name !== to) ?? [];
  return { ...sink, name: to, instance: instanceOf(sink), formerly: [...before, sink.name] };
}

/**
 * Renames `from` to `to`. Answers whether that was a new version, and the sink as it is then. Durable
 * when it answers; idempotent, from any number of processes. E_USAGE for a sink that is not
 * registered, E_REFUSED for a name that is taken, E_CONFLICT, E_UNKNOWN_OUTCOME, E_CORRUPT.
 */
export async function renameSink(
  record: VersionedRecord<Registry>,
  from: SinkName,
  to: SinkName,
): Promise<{ readonly changed: boolean; readonly sink: RegisteredSink }> {
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const head = await record.load();
    const sinks = head?.value ?? [];
    const decision = renameAction(sinks, from, to);
    if (decision.label === 'done') return { changed: false, sink: decision.sink };
    if (decision.label !== 'go') throw refused(from, to, decision);
    const renamed = renamedSink(decision.sink, to);
    const next = sinks.map((sink) => (sink === decision.sink ? renamed : sink));
    const appended = await record.append(head, next);
    if (appended.kind === 'linked') return { changed: true, sink: renamed };
  }
  throw new HypError('E_CONFLICT', `the registry changes too fast to rename ${from}`, {
    hint: 'Run the command again.',
  });
}

function refused(
  from: SinkName,
  to: SinkName,
  decision: Extract<RenameDecision, { label: 'unknown' | 'taken' }>,
): HypError {
  if (decision.label === 'taken') {
    const { by } = decision;
    const what = by === to ? `there is a sink ${to}` : `${to} is a former name of sink ${by}`;
    return new HypError('E_REFUSED', `sink ${from} was not renamed: ${what}`, {
      hint: 'Choose a name that no sink of this store ever had: records and plans go by it.',
    });
  }
  const { heir } = decision;
  if (heir !== undefined) {
    return new HypError('E_USAGE', `sink ${from} is called ${heir} now`, {
      hint: `Nothing was changed. Rename ${heir}, if that is meant.`,
    });
  }
  return new HypError('E_USAGE', `no sink ${from} is registered in this store`, {
    hint: 'A sink is registered by its first tick; `hyp sink list` names them.',
  });
}
