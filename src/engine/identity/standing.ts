/**
 * Owns: how one sink stands to one dataset before each step: its table, its progress record (made
 * again when it is lost), and whether store, record and destination still belong together (I10).
 * Costs one listing of two directories when nothing has changed (I14); the destination is asked once
 * for each process, and whenever a unit is due (the exporter).
 * Mutable: open records and what was asked already, which may be lost at any time.
 * llp/0017
 */
import { isHypError } from '../../core/errors.ts';
import type { DatasetName, Lineage } from '../../core/ids.ts';
import { toLineage } from '../../core/ids.ts';
import type { RecordHead } from '../../core/versioned-record.ts';
import type { Sink } from '../../../sinks/sink.ts';
import {
  beginProgress,
  exportedNames,
  knownLineages,
  openProgress,
  progressNumbers,
} from '../../../state/progress.ts';
import type { Parked, Progress, ProgressKey, ProgressRecord } from '../../../state/progress.ts';
import { markExported } from '../../../state/receipts.ts';
import { droppedLineages } from '../../../storage/iceberg/dropped.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import type { EngineContext } from '../context.ts';
import { continues } from '../export/history.ts';
import type { UnitSource } from '../export/new-unit.ts';
import { directoryEvidence } from './directory.ts';
import { hintFor, identityOf } from './identity.ts';
import type { DestinationEvidence, HeadEvidence } from './identity.ts';
import { loadOrLost } from './lost.ts';
import { recoverProgress } from './recover.ts';

/** Everything one step works on. */
export interface Work {
  readonly source: UnitSource;
  readonly record: ProgressRecord;
  readonly progress: Progress;
  readonly base: RecordHead<Progress> | undefined;
}

export type Stands =
  /** The dataset has no row yet. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'ready'; readonly work: Work }
  /** Another process changed the record meanwhile: ask again. */
  | { readonly kind: 'conflict'; readonly work: Work }
  | (Omit<Parked, 'sinceMs'> & { readonly kind: 'park'; readonly work: Work });

interface Found {
  readonly table: Table;
  readonly head: TableHead;
  readonly key: ProgressKey;
  readonly number: number;
  readonly record: ProgressRecord;
}

export class Standing {
  readonly #context: EngineContext;
  readonly #sink: Sink;
  /** By dataset, lineage and number: a table's directory that was copied is another dataset's, too. */
  readonly #records = new Map<string, ProgressRecord>();
  readonly #asked = new Set<Lineage>();

  constructor(context: EngineContext, sink: Sink) {
    this.#context = context;
    this.#sink = sink;
  }

  /** The progress of `dataset` as it is recorded; undefined before its first row. E_CORRUPT. */
  async progress(dataset: DatasetName): Promise<Progress | undefined> {
    const found = await this.#find(dataset);
    if (found === undefined) return undefined;
    return (await found.record.load())?.value ?? beginProgress(found.key);
  }

  async of(dataset: DatasetName): Promise<Stands> {
    const found = await this.#find(dataset);
    if (found === undefined) return { kind: 'nothing' };
    const { base, lost } = await loadOrLost(found.record);
    if (base === undefined && lost !== undefined) return this.#recover(found, lost);
    return this.#judge(this.#workOf(found, base));
  }

  /** What to park `work` with whose destination has other rows of its lineage. */
  async forked(work: Work, reason: string): Promise<Omit<Parked, 'sinceMs'>> {
    return (await this.#verdict(work, 'continues', 'differs', reason)) ?? { reason, hint: '' };
  }

  async #find(dataset: DatasetName): Promise<Found | undefined> {
    const table = this.#context.table(dataset);
    const head = await table.load();
    if (head === undefined) return undefined;
    const { fs, state, random } = this.#context;
    const key = { sink: this.#sink.instance, dataset, lineage: toLineage(head.value.hyp.lineage) };
    const number = (await progressNumbers(fs, state, key)).at(-1) ?? 1;
    const name = `${dataset}/${key.lineage}/${number}`;
    let record = this.#records.get(name);
    if (record === undefined) {
      record = await openProgress(fs, state, { ...key, number }, random);
      this.#records.set(name, record);
    }
    return { table, head, key, number, record };
  }

  #workOf(found: Found, base: RecordHead<Progress> | undefined): Work {
    const { table, head, key, number, record } = found;
    const { observe, fs, state } = this.#context;
    const announced = async (progress: Progress): Promise<void> => {
      // With a receipt it was marked before; a record that was rebuilt was marked when it was made.
      if (progress.receipt === undefined) await markExported(fs, state, key, number);
    };
    const source = { table, head, sink: this.#sink, observe, announced };
    return { source, record, base, progress: base?.value ?? beginProgress(key) };
  }

  async #recover(found: Found, lost: 'absent' | 'damaged'): Promise<Stands> {
    const { source } = this.#workOf(found, undefined);
    const recovered = await recoverProgress(this.#context, source, found.key, lost);
    if (recovered.label !== 'begin' || recovered.head !== undefined) {
      const { record, head } = recovered;
      const progress = head?.value ?? beginProgress(found.key);
      return { kind: 'conflict', work: { source, record, base: head, progress } };
    }
    return this.#judge(this.#workOf(found, undefined));
  }

  async #judge(work: Work): Promise<Stands> {
    const { table, head } = work.source;
    try {
      return await this.#look(work);
    } catch (error) {
      // Met again by the step itself, which knows how to wait for a destination.
      if (isHypError(error, 'E_UNAVAILABLE')) return { kind: 'ready', work };
      if (await table.hasPassed(head, error)) return { kind: 'conflict', work };
      throw error;
    }
  }

  async #look(work: Work): Promise<Stands> {
    if (work.progress.parked !== undefined) return { kind: 'ready', work };
    const newest = await this.#reach(work);
    const head = await this.#headEvidence(newest);
    const why = await this.#verdict(newest, head, 'agrees', headReason(newest, head));
    if (why !== undefined) return { kind: 'park', work: newest, ...why };
    return this.#ask(newest);
  }

  /** A record above the head says so only by the newest head: ours may be from before a commit. */
  async #reach(work: Work): Promise<Work> {
    if (!isBehind(work)) return work;
    const { source } = work;
    return { ...work, source: { ...source, head: (await source.table.load()) ?? source.head } };
  }

  async #headEvidence(work: Work): Promise<HeadEvidence> {
    const { progress, source, base } = work;
    if (base !== undefined) {
      if (isBehind(work)) return 'went back';
      const isNews = source.head.value.hyp.maxSeq > progress.watermark;
      const isFollowed = !isNews || progress.open !== undefined;
      return isFollowed || (await continues(source, progress)) ? 'continues' : 'went back';
    }
    const { fs, state } = this.#context;
    const { sink, dataset, lineage } = progress;
    const others = await knownLineages(fs, state, sink, dataset);
    // A person dropped what this sink has exported: the table that says so is what comes after it.
    const dropped = droppedLineages(source.head.value);
    const isAfter = others.some((other) => dropped.includes(other));
    if (!isAfter && others.some((other) => other !== lineage)) return 'another lineage';
    const directory = await directoryEvidence(this.#context, source.table, source.head);
    if (directory === 'here') return 'continues';
    const names = await exportedNames(fs, state, sink, lineage);
    return names.some((name) => name !== dataset) ? 'another name' : 'continues';
  }

  /** Once for each process: somebody else may have gone on where our record ends. */
  async #ask(work: Work): Promise<Stands> {
    const { progress, source } = work;
    const { dataset, lineage, watermark, open } = progress;
    if (this.#asked.has(lineage) || work.base === undefined || open !== undefined) {
      return { kind: 'ready', work };
    }
    const next = await source.sink.lookup(dataset, lineage, watermark);
    const newest = (await source.table.load()) ?? source.head;
    if (next.kind === 'none' || next.unit.through <= newest.value.hyp.maxSeq) {
      this.#asked.add(lineage);
      return { kind: 'ready', work };
    }
    const reason = `the destination has rows of ${dataset} through seq ${next.unit.through}, this table ends at seq ${newest.value.hyp.maxSeq}`;
    return { kind: 'park', work, ...(await this.forked(work, reason)) };
  }

  async #verdict(
    work: Work,
    head: HeadEvidence,
    destination: DestinationEvidence,
    reason: string,
  ): Promise<Omit<Parked, 'sinceMs'> | undefined> {
    if (head === 'continues' && destination === 'agrees') return undefined;
    const { source } = work;
    const directory = await directoryEvidence(this.#context, source.table, source.head);
    const { identity, parks } = identityOf(directory, head, destination);
    if (!parks) return undefined;
    return {
      reason: `${identity}: ${reason}`,
      hint: hintFor(identity, source.sink.name),
      why: identity,
    };
  }
}

function isBehind({ progress, source }: Work): boolean {
  return (progress.open?.through ?? progress.watermark) > source.head.value.hyp.maxSeq;
}

function headReason({ progress, source }: Work, head: HeadEvidence): string {
  const { dataset, watermark, open, lineage } = progress;
  const sink = source.sink.name;
  const { maxSeq } = source.head.value.hyp;
  switch (head) {
    case 'went back':
      return maxSeq < (open?.through ?? watermark)
        ? `${dataset} ends at seq ${maxSeq}, but ${sink} has exported through ${open?.through ?? watermark}`
        : `seq ${watermark} of ${dataset}, which ${sink} has exported, is another row by now`;
    case 'another lineage':
      return `${dataset} is another table (${lineage}) than the one ${sink} has exported under this name`;
    case 'another name':
      return `the table ${dataset} was moved: ${sink} has exported it under another name`;
    case 'continues':
      return '';
  }
}
