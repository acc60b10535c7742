/**
 * Owns: the configured sinks of a store: making them, registering them durably and claiming their
 * destinations before their first step. What a sink is called in records and at its destination is
 * said by the registry; once a name is registered, that never changes.
 * llp/0008
 */
import { HypError, isHypError, problemText } from '../../core/errors.ts';
import type { DatasetName, SinkName } from '../../core/ids.ts';
import type { HypConfig, SinkConfig } from '../../config/config.ts';
import { createFsSink } from '../../../sinks/fs.ts';
import type { Sink } from '../../../sinks/sink.ts';
import {
  heirOf,
  instanceOf,
  openRegistry,
  registerSink,
  registryEntry,
  registeredSinks,
  registration,
} from '../../../state/registry.ts';
import { hasExported } from '../../../state/receipts.ts';
import type { RegisteredSink, Registration, Registry } from '../../../state/registry.ts';
import type { ExportReport, Step } from '../api.ts';
import type { EngineContext } from '../context.ts';
import { Exporter } from './exporter.ts';

interface Configured {
  readonly config: SinkConfig;
  sink: Sink;
  exporter: Exporter;
  ready: boolean;
  /** What the destination said to the last claim, while it is not ready. */
  refused: unknown;
}

/**
 * What a step of a sink may do, by the entry of its name in the registry: one table.
 *
 * | entry | this process has claimed the destination | gate |
 * | paused | either | paused: nothing new begins, an open unit stays open |
 * | none, or forgotten | yes | forgotten: a person gave it up while this process ran |
 * | none, or forgotten | no | go: it is registered, as the configuration says |
 * | there | either | go |
 */
export function sinkGate(
  entry: RegisteredSink | undefined,
  ready: boolean,
): 'go' | 'paused' | 'forgotten' {
  const gone = entry === undefined || entry.forgottenSinceMs !== undefined;
  if (gone) return ready ? 'forgotten' : 'go';
  return entry.pausedSinceMs === undefined ? 'go' : 'paused';
}

/**
 * Whether an intent that was just linked may be run, by the entry of the sink's instance: its name may
 * be another one by now, its records and its units are not.
 *
 * | entry | gate |
 * | none | gone: nobody can say where its rows go now |
 * | of another destination, or being moved | elsewhere: what is at ours may be behind by now |
 * | of our destination, paused, forgotten and renamed too | run: what is announced is delivered |
 */
export function unitGate(
  entry: Pick<RegisteredSink, 'destination' | 'movingTo' | 'forgottenSinceMs'> | undefined,
  destination: string,
): 'run' | 'gone' | 'elsewhere' {
  if (entry === undefined) return 'gone';
  if (entry.destination !== destination) return 'elsewhere';
  const moving = entry.movingTo !== undefined && entry.forgottenSinceMs === undefined;
  return moving ? 'elsewhere' : 'run';
}

function forgotten(name: SinkName): HypError {
  return new HypError('E_PARKED', `sink ${name} was forgotten while this process ran`, {
    hint: 'Nothing was sent. Restart it: a sink that hyp.yaml still has is then registered again.',
  });
}

function renamed(name: SinkName, to: SinkName): HypError {
  return new HypError('E_PARKED', `sink ${name} is called ${to} now`, {
    hint: `Nothing was sent. Write ${to} instead of ${name} in hyp.yaml and restart; a new sink needs a name that no other ever had.`,
  });
}

function goneOf(sinks: Registry, name: SinkName): HypError {
  const heir = heirOf(sinks, name);
  return heir === undefined ? forgotten(name) : renamed(name, heir.name);
}

export class Exporters {
  readonly #context: EngineContext;
  readonly #storeId: string;
  readonly #registry;
  readonly #sinks = new Map<SinkName, Configured>();

  constructor(context: EngineContext, config: HypConfig, storeId: string) {
    this.#context = context;
    this.#storeId = storeId;
    this.#registry = openRegistry(context.fs, context.state, context.random);
    for (const each of config.sinks) {
      const made = this.#made(each, each.name);
      this.#sinks.set(each.name, { config: each, ...made, ready: false, refused: undefined });
    }
  }

  #made(config: SinkConfig, instance: SinkName): Pick<Configured, 'sink' | 'exporter'> {
    const { fs, random } = this.#context;
    const { name, path, prefix } = config;
    const sink = createFsSink({ name, instance, path, prefix, fs, random });
    const exporter = new Exporter(this.#context, config, {
      sink,
      owner: this.ownerOf(sink),
      assertHere: () => this.#assertHere(name, sink),
    });
    return { sink, exporter };
  }

  /** How a sink of this store is called at its destination. */
  ownerOf({ instance }: Pick<Sink, 'instance'>): string {
    return `${this.#storeId}/${instance}`;
  }

  names(): readonly SinkName[] {
    return [...this.#sinks.keys()];
  }

  /** For whoever looks. Of a registry that cannot be read each sink has its own name. */
  async all(): Promise<
    readonly {
      readonly config: SinkConfig;
      readonly sink: Sink;
      readonly exporter: Exporter;
    }[]
  > {
    // Damage is told by who asks for a sink's refusal, and stops every step.
    const sinks = (await this.#registry.load().catch(() => undefined))?.value ?? [];
    for (const configured of this.#sinks.values()) {
      this.#adopt(
        configured,
        sinks.find(({ name }) => name === configured.config.name),
      );
    }
    return [...this.#sinks.values()];
  }

  /** The sink as its records and its destination know it. */
  #adopt(configured: Configured, entry: RegisteredSink | undefined): void {
    if (entry === undefined || instanceOf(entry) === configured.sink.instance) return;
    Object.assign(configured, this.#made(configured.config, instanceOf(entry)));
    configured.ready = false;
  }

  /** One export step of a sink, which takes no part in datasets its filter leaves out. */
  async step(
    name: SinkName,
    dataset: DatasetName,
    options: { wait: boolean },
  ): Promise<Step<ExportReport>> {
    const configured = this.#sinks.get(name);
    if (configured === undefined) throw new HypError('E_CONFIG', `no sink ${name}`);
    const { config } = configured;
    if (config.datasets !== undefined && !config.datasets.includes(dataset)) {
      return { report: undefined, waitMs: Number.POSITIVE_INFINITY };
    }
    const entry = await registryEntry(this.#registry, name);
    this.#adopt(configured, entry);
    const gate = sinkGate(entry, configured.ready);
    if (gate === 'paused') return configured.exporter.paused(dataset);
    if (gate === 'forgotten') throw await this.#gone(name);
    await this.#makeReady(configured);
    try {
      return await configured.exporter.step(dataset, options);
    } catch (error) {
      // The destination is another one by now: it has to be claimed again, and shows as refused.
      if (isHypError(error, 'E_PARKED'))
        Object.assign(configured, { ready: false, refused: error });
      throw error;
    }
  }

  /** True when a person has paused `name`. Changes nothing. E_CORRUPT for a damaged registry. */
  async isPaused(name: SinkName): Promise<boolean> {
    const configured = this.#sinks.get(name);
    const entry = await registryEntry(this.#registry, name);
    return sinkGate(entry, configured?.ready === true) === 'paused';
  }

  /**
   * Sink `name`, registered, alone at its destination and this process's to deliver to, for what a
   * person does by hand; paused or not. E_USAGE when it is not configured, E_PARKED, E_CONFIG, E_FORK.
   */
  async byHand(name: SinkName): Promise<{ readonly config: SinkConfig; readonly sink: Sink }> {
    const configured = this.#sinks.get(name);
    if (configured === undefined) {
      throw new HypError('E_USAGE', `no sink ${name} in the configuration`, {
        hint: 'Run `hyp sink list`.',
      });
    }
    const gate = sinkGate(await registryEntry(this.#registry, name), configured.ready);
    if (gate === 'forgotten') throw await this.#gone(name);
    await this.#makeReady(configured);
    return configured;
  }

  /** The sinks that take part in `dataset`, each registered and alone at its destination. */
  async readyFor(dataset: DatasetName): Promise<Sink[]> {
    const ready: Sink[] = [];
    for (const configured of this.#sinks.values()) {
      if (configured.config.datasets?.includes(dataset) === false) continue;
      await this.#makeReady(configured);
      ready.push(configured.sink);
    }
    return ready;
  }

  /**
   * Why a sink does not export as it is configured, as far as is known without asking its
   * destination; undefined when nothing is. Changes nothing. E_CORRUPT for a damaged registry.
   */
  async refusal(name: SinkName): Promise<string | undefined> {
    const configured = this.#sinks.get(name);
    if (configured === undefined) return undefined;
    if (configured.ready) {
      const gate = sinkGate(await registryEntry(this.#registry, name), true);
      return gate === 'forgotten' ? problemText(await this.#gone(name)) : undefined;
    }
    const entry = this.#entry(configured);
    const sinks = await registeredSinks(this.#registry);
    const refused = this.#refused(entry, registration(sinks, entry)) ?? configured.refused;
    return refused === undefined ? undefined : problemText(refused);
  }

  #entry({ config, sink }: Configured): RegisteredSink {
    return {
      name: sink.name,
      type: sink.type,
      destination: sink.destination,
      datasets: config.datasets,
      registeredAtMs: this.#context.clock.nowMs(),
    };
  }

  /** Registered before its first tick, alone at its destination (DESIGN §9), and still there. */
  async #makeReady(configured: Configured): Promise<void> {
    if (configured.ready) return this.#assertHere(configured.config.name, configured.sink);
    const wanted = this.#entry(configured);
    const refused = this.#refused(wanted, await registerSink(this.#registry, wanted));
    if (refused !== undefined) throw refused;
    // Asked behind the registration: it may have been renamed to this name a moment ago.
    this.#adopt(configured, await registryEntry(this.#registry, wanted.name));
    const { sink } = configured;
    try {
      const { fs, state } = this.#context;
      const known = (await hasExported(fs, state, sink.instance)) ? 'known' : undefined;
      await sink.claim(this.ownerOf(sink), known);
    } catch (error) {
      configured.refused = error;
      throw error;
    }
    configured.ready = true;
  }

  /**
   * Nothing is sent for a sink whose instance is registered no more, is registered for another
   * destination, or is being moved, whatever it is called now. One listing.
   */
  async #assertHere(name: SinkName, { instance, destination }: Sink): Promise<void> {
    const sinks = (await this.#registry.load())?.value ?? [];
    const entry = sinks.find((sink) => instanceOf(sink) === instance);
    const gate = unitGate(entry, destination);
    if (gate === 'run') return;
    const configured = this.#sinks.get(name);
    // Status shows it from now on, and what the registry says counts again.
    if (configured !== undefined) Object.assign(configured, { ready: false, refused: undefined });
    const here = entry?.name === name ? { ...entry, destination } : undefined;
    const refused = here && this.#refused(here, registration(sinks, here));
    throw refused ?? goneOf(sinks, name);
  }

  /** Why a sink that this process has delivered for is not there by its name any more. */
  async #gone(name: SinkName): Promise<HypError> {
    return goneOf((await this.#registry.load())?.value ?? [], name);
  }

  #refused(sink: RegisteredSink, answer: Registration): HypError | undefined {
    if (answer.kind === 'destination-changed') {
      return new HypError(
        'E_PARKED',
        `sink ${sink.name} was registered for ${answer.from}, the config says ${answer.to}`,
        {
          hint: `Nothing was sent. Put the old path back; \`hyp sink move ${sink.name}\`, if you moved its files; or give the new destination a new name.`,
        },
      );
    }
    if (answer.kind === 'moving') {
      return new HypError('E_PARKED', `sink ${sink.name} is being moved to ${answer.to}`, {
        hint: `Nothing is sent meanwhile. If the command was stopped, run \`hyp sink move ${sink.name} --moved\` again, or put the old path back into hyp.yaml and run \`hyp sink move ${sink.name}\`.`,
      });
    }
    if (answer.kind === 'renamed') return renamed(sink.name, answer.to);
    if (answer.kind === 'destination-taken') {
      const { by } = answer;
      const hint = this.#sinks.has(by)
        ? 'Give each sink a path or prefix of its own. Nothing was sent.'
        : `The config no longer has ${by}: put that name back, choose another path, or, if it is the same sink, \`hyp sink rename ${by} ${sink.name}\`. Nothing was sent.`;
      return new HypError('E_CONFIG', `sinks ${sink.name} and ${by} share one destination`, {
        hint,
      });
    }
    return undefined;
  }
}
