/**
 * Owns: the configured sinks of a store: making them, registering them durably and claiming their
 * destinations before their first step.
 * llp/0008
 */
import { HypError, isHypError, problemText } from '../../core/errors.ts';
import type { DatasetName, SinkName } from '../../core/ids.ts';
import type { HypConfig, SinkConfig } from '../../config/config.ts';
import { createFsSink } from '../../../sinks/fs.ts';
import type { Sink } from '../../../sinks/sink.ts';
import {
  openRegistry,
  registerSink,
  registryEntry,
  registeredSinks,
  registration,
} from '../../../state/registry.ts';
import { hasExported } from '../../../state/receipts.ts';
import type { RegisteredSink, Registration } from '../../../state/registry.ts';
import type { ExportReport, Step } from '../api.ts';
import type { EngineContext } from '../context.ts';
import { Exporter } from './exporter.ts';

interface Configured {
  readonly config: SinkConfig;
  readonly sink: Sink;
  readonly exporter: Exporter;
  ready: boolean;
  /** What the destination said to the last claim, while it is not ready. */
  refused: unknown;
}

/**
 * What a step of a sink may do, by its entry in the registry: one table.
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

function forgotten(name: SinkName): HypError {
  return new HypError('E_PARKED', `sink ${name} was forgotten while this process ran`, {
    hint: 'Nothing was sent. Restart it: a sink that hyp.yaml still has is then registered again.',
  });
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
      const { fs, random } = context;
      const sink = createFsSink({
        name: each.name,
        path: each.path,
        prefix: each.prefix,
        fs,
        random,
      });
      const exporter = new Exporter(context, each, { sink, owner: this.ownerOf(each.name) });
      this.#sinks.set(each.name, {
        config: each,
        sink,
        exporter,
        ready: false,
        refused: undefined,
      });
    }
  }

  /** How a sink of this store is called at its destination. */
  ownerOf(name: SinkName): string {
    return `${this.#storeId}/${name}`;
  }

  names(): readonly SinkName[] {
    return [...this.#sinks.keys()];
  }

  all(): readonly {
    readonly config: SinkConfig;
    readonly sink: Sink;
    readonly exporter: Exporter;
  }[] {
    return [...this.#sinks.values()];
  }

  /** One export step of a sink, which takes no part in datasets its filter leaves out. */
  async step(
    name: SinkName,
    dataset: DatasetName,
    options: { wait: boolean },
  ): Promise<Step<ExportReport>> {
    const configured = this.#sinks.get(name);
    if (configured === undefined) throw new HypError('E_CONFIG', `no sink ${name}`);
    const { config, exporter } = configured;
    if (config.datasets !== undefined && !config.datasets.includes(dataset)) {
      return { report: undefined, waitMs: Number.POSITIVE_INFINITY };
    }
    const gate = sinkGate(await registryEntry(this.#registry, name), configured.ready);
    if (gate === 'paused') return exporter.paused(dataset);
    if (gate === 'forgotten') throw forgotten(name);
    await this.#makeReady(configured);
    try {
      return await exporter.step(dataset, options);
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
    if (gate === 'forgotten') throw forgotten(name);
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
      return gate === 'forgotten' ? problemText(forgotten(name)) : undefined;
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

  /** Registered before its first tick, and alone at its destination (DESIGN §9). */
  async #makeReady(configured: Configured): Promise<void> {
    if (configured.ready) return;
    const { sink } = configured;
    const entry = this.#entry(configured);
    const refused = this.#refused(entry, await registerSink(this.#registry, entry));
    if (refused !== undefined) throw refused;
    try {
      const { fs, state } = this.#context;
      const known = (await hasExported(fs, state, sink.name)) ? 'known' : undefined;
      await sink.claim(this.ownerOf(sink.name), known);
    } catch (error) {
      configured.refused = error;
      throw error;
    }
    configured.ready = true;
  }

  #refused(sink: RegisteredSink, answer: Registration): HypError | undefined {
    if (answer.kind === 'destination-changed') {
      return new HypError(
        'E_PARKED',
        `sink ${sink.name} was registered for ${answer.from}, the config says ${answer.to}`,
        {
          hint: 'Nothing was sent. Put the old path back, or give the new destination a new name.',
        },
      );
    }
    if (answer.kind === 'destination-taken') {
      const { by } = answer;
      const hint = this.#sinks.has(by)
        ? 'Give each sink a path or prefix of its own. Nothing was sent.'
        : `The config no longer has ${by}: put that name back, or choose another path. Nothing was sent.`;
      return new HypError('E_CONFIG', `sinks ${sink.name} and ${by} share one destination`, {
        hint,
      });
    }
    return undefined;
  }
}
