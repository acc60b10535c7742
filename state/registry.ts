/**
 * Owns: which sinks a store has, durable before a sink's first tick: retention may not pass the
 * floor of any of them (I5), and no two of them may write to one destination.
 * Commit point: the link of the next version of the record.
 * Not its job: progress of a sink, configuration (a sink left out of it stays registered).
 * llp/0015
 */
import { z } from 'zod';
import { HypError } from '../src/core/errors.ts';
import type { DurableFs } from '../src/core/durable-fs.ts';
import { toSinkName } from '../src/core/ids.ts';
import type { SinkName } from '../src/core/ids.ts';
import { jsonRecordFormat } from '../src/core/json-record.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { Random } from '../src/core/random.ts';
import { VersionedRecord } from '../src/core/versioned-record.ts';
import { registryDir } from './layout.ts';

export interface RegisteredSink {
  readonly name: SinkName;
  readonly type: string;
  /** `Sink.destination`: equal for two sinks means that they would write the same names. */
  readonly destination: string;
  readonly registeredAtMs: number;
  /** Names or patterns of the datasets it exports, as configured; undefined: all. */
  readonly datasets: readonly string[] | undefined;
  /** Since when a person has it paused; undefined: it exports. */
  readonly pausedSinceMs?: number | undefined;
  /**
   * Since when it holds no rows back and is not ours to run. Kept, so that the same name for another
   * destination is noticed as ever.
   */
  readonly forgottenSinceMs?: number | undefined;
  /** Its first name, by which its records and its destination know it; undefined: `name`. */
  readonly instance?: SinkName | undefined;
  /** Where a person is moving it: nobody sends anything meanwhile; undefined: nowhere. */
  readonly movingTo?: string | undefined;
  /** Which attempt to move it that is: its proof counts as long as no other one began, or ended. */
  readonly moveId?: string | undefined;
  /** Names it had before, oldest first: no other sink gets them. */
  readonly formerly?: readonly SinkName[] | undefined;
}

/** In order of their registration. */
export type Registry = readonly RegisteredSink[];

export type Registration =
  | { readonly kind: 'same' }
  | { readonly kind: 'registered' }
  /** Nothing was written: a person moves the sink or puts the old destination back. */
  | { readonly kind: 'destination-changed'; readonly from: string; readonly to: string }
  /** Nothing was written: a command that moves it is under way, or was stopped. */
  | { readonly kind: 'moving'; readonly to: string }
  /** Nothing was written: a sink that is called `to` by now has, or had, this name. */
  | { readonly kind: 'renamed'; readonly to: SinkName }
  /** Nothing was written: sink `by` delivers there. */
  | { readonly kind: 'destination-taken'; readonly by: SinkName };

const registryJson = z.array(
  z.strictObject({
    name: z.string().transform(toSinkName),
    type: z.string(),
    destination: z.string(),
    registeredAtMs: z.number(),
    datasets: z.array(z.string()).optional(),
    pausedSinceMs: z.number().optional(),
    forgottenSinceMs: z.number().optional(),
    instance: z.string().transform(toSinkName).optional(),
    movingTo: z.string().optional(),
    moveId: z.string().optional(),
    formerly: z.array(z.string().transform(toSinkName)).optional(),
  }),
);

const FORMAT = jsonRecordFormat<Registry>({
  kind: 'registry',
  toJson: (sinks) => sinks,
  fromJson: (value) =>
    registryJson.parse(value).map((sink) => ({ ...sink, datasets: sink.datasets })),
});

/** The record of a store's sinks, below its state directory; `makeStateDirs` comes first. */
export function openRegistry(
  fs: DurableFs,
  state: string,
  random: Random,
): VersionedRecord<Registry> {
  return new VersionedRecord(fs, registryDir(state), FORMAT, random);
}

/** What the records and the destination of `sink` call it. */
export function instanceOf(sink: RegisteredSink): SinkName {
  return sink.instance ?? sink.name;
}

/** The sink that once was called `name`, by another name now. */
export function heirOf(sinks: Registry, name: SinkName): RegisteredSink | undefined {
  return sinks.find((sink) => sink.formerly?.includes(name) === true);
}

/** All sinks ever registered and not forgotten. Durable when it answers. */
export async function registeredSinks(record: VersionedRecord<Registry>): Promise<Registry> {
  return ((await record.load())?.value ?? []).filter(isHolding);
}

/** True for a sink whose rows retention may not pass. */
function isHolding(sink: RegisteredSink): boolean {
  return sink.forgottenSinceMs === undefined;
}

/** The entry of `name`, forgotten or not. One listing when nothing has changed; changes nothing. */
export async function registryEntry(
  record: VersionedRecord<Registry>,
  name: SinkName,
): Promise<RegisteredSink | undefined> {
  return (await record.load())?.value.find((sink) => sink.name === name);
}

/**
 * Registers `sink`, or takes over its changed datasets. Durable when it answers 'registered' or
 * 'same'; idempotent, from any number of processes. Rejects with E_CONFLICT, E_UNKNOWN_OUTCOME,
 * E_CORRUPT.
 */
export async function registerSink(
  record: VersionedRecord<Registry>,
  sink: RegisteredSink,
): Promise<Registration> {
  for (let attempt = 0; attempt < LIMITS.commitAttempts; attempt++) {
    const head = await record.load();
    const sinks = head?.value ?? [];
    const decision = registration(sinks, sink);
    if (decision.kind !== 'registered') return decision;
    const appended = await record.append(head, withSink(sinks, sink));
    if (appended.kind === 'linked') return decision;
  }
  throw new HypError('E_CONFLICT', `the registry changes too fast to register ${sink.name}`, {
    hint: 'Run the command again.',
  });
}

/** What registering `sink` beside `sinks` means. */
export function registration(sinks: Registry, sink: RegisteredSink): Registration {
  const heir = heirOf(sinks, sink.name);
  if (heir !== undefined) return { kind: 'renamed', to: heir.name };
  const known = sinks.find((other) => other.name === sink.name);
  if (known?.movingTo !== undefined && isHolding(known)) {
    return { kind: 'moving', to: known.movingTo };
  }
  if (known !== undefined && known.destination !== sink.destination) {
    return { kind: 'destination-changed', from: known.destination, to: sink.destination };
  }
  const rival = sinks.find(
    (other) =>
      other.name !== sink.name && other.destination === sink.destination && isHolding(other),
  );
  if (rival !== undefined) return { kind: 'destination-taken', by: rival.name };
  const same =
    known !== undefined &&
    isHolding(known) &&
    known.type === sink.type &&
    JSON.stringify(known.datasets) === JSON.stringify(sink.datasets);
  return { kind: same ? 'same' : 'registered' };
}

/** A sink keeps its names, its first registration, and stays paused; it is not forgotten any more. */
function withSink(sinks: Registry, sink: RegisteredSink): Registry {
  const known = sinks.find((other) => other.name === sink.name);
  if (known === undefined) return [...sinks, sink];
  const { registeredAtMs, pausedSinceMs, instance, formerly } = known;
  const updated = {
    ...sink,
    registeredAtMs,
    ...(pausedSinceMs === undefined ? {} : { pausedSinceMs }),
    ...(instance === undefined ? {} : { instance }),
    ...(formerly === undefined ? {} : { formerly }),
  };
  return sinks.map((other) => (other === known ? updated : other));
}
