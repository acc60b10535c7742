/**
 * Owns: rows of a range becoming the staged parts of a unit, with rows, bytes, sha256 and content
 * digest; the same way the first time and when staged bytes are gone (I8).
 * Bounded: a row group, the open parts' encoders, LIMITS.openPartBytes of columns not yet written.
 * A crash leaves staged files without an intent, removed when the watermark passes them.
 * llp/0008
 */
import type { CodedBatch } from '../../codec/columns.ts';
import { addDigests, contentDigest } from '../../codec/content-digest.ts';
import { sliceCoded, takeCoded } from '../../codec/dictionary.ts';
import type { Observe } from '../../core/events.ts';
import type { Seq } from '../../core/ids.ts';
import { LIMITS } from '../../core/limits.ts';
import type { UnitEncoder } from '../../core/unit.ts';
import { parsePartition, splitByPartition } from '../../../sinks/blob/partition.ts';
import { lastSeq } from '../../../storage/scan/scan.ts';
import { openPartEncoder } from './part-encoder.ts';
import type { PartColumns, PartEncoder } from './part-encoder.ts';
import type { StagedPart, StagedWriter } from '../../../sinks/sink.ts';

/** Where a unit may be closed before the end of its range; none when a unit is encoded again. */
export interface UnitCuts {
  /** Bytes of all parts after which the unit ends with the batch at hand. */
  readonly bytes: number;
}

export interface EncodedPart {
  /** Partition path, empty for none. */
  readonly path: string;
  readonly rows: number;
  /** undefined when this part was not to be staged. */
  readonly staged: StagedPart | undefined;
}

export interface EncodedUnit {
  readonly through: Seq;
  readonly rows: number;
  readonly contentDigest: bigint;
  readonly parts: readonly EncodedPart[];
}

export interface EncodeRequest {
  readonly batches: AsyncIterable<CodedBatch>;
  readonly after: Seq;
  readonly encoder: UnitEncoder;
  readonly columns: PartColumns;
  readonly cuts: UnitCuts | undefined;
  /** A staged file for part `index`, or undefined when that part needs none. */
  stage(index: number): Promise<StagedWriter | undefined>;
  readonly observe: Observe;
}

interface OpenPart {
  readonly path: string;
  readonly writer: StagedWriter | undefined;
  readonly encoder: PartEncoder | undefined;
  rows: number;
}

/** Encodes `request.batches` into staged parts, one per partition path, in order of appearance. */
export async function encodeUnit(request: EncodeRequest): Promise<EncodedUnit> {
  const unit = new UnitInProgress(request);
  try {
    for await (const batch of request.batches) {
      if (await unit.add(batch)) break;
    }
    return await unit.finish();
  } catch (error) {
    await unit.abandon();
    throw error;
  }
}

class UnitInProgress {
  readonly #request: EncodeRequest;
  readonly #template;
  readonly #parts = new Map<string, OpenPart>();
  #through: Seq;
  #rows = 0;
  #digest = 0n;

  constructor(request: EncodeRequest) {
    this.#request = request;
    this.#template = parsePartition(request.encoder.partition);
    this.#through = request.after;
  }

  /** Adds a batch; true when the unit ends with it. */
  async add(whole: CodedBatch): Promise<boolean> {
    const groups = splitByPartition(this.#template, whole);
    const fits = this.#request.cuts === undefined ? whole.rows : this.#rowsThatFit(groups, whole);
    if (fits === 0) return true;
    const batch = sliceCoded(whole, 0, fits);
    for (const [path, rows] of fits === whole.rows
      ? groups
      : splitByPartition(this.#template, batch)) {
      await this.#addToPart(path, rows.length === batch.rows ? batch : takeCoded(batch, rows));
    }
    this.#digest = addDigests(this.#digest, contentDigest(batch));
    this.#rows += batch.rows;
    this.#through = lastSeq(batch);
    return fits < whole.rows || this.#full();
  }

  async #addToPart(path: string, rows: CodedBatch): Promise<void> {
    const part = this.#parts.get(path) ?? (await this.#open(path));
    await part.encoder?.write(rows);
    part.rows += rows.rows;
  }

  async #open(path: string): Promise<OpenPart> {
    const { encoder, columns, observe } = this.#request;
    const writer = await this.#request.stage(this.#parts.size);
    const part: OpenPart = {
      path,
      writer,
      encoder:
        writer && openPartEncoder(encoder.name, columns, (bytes) => writer.write(bytes), observe),
      rows: 0,
    };
    this.#parts.set(path, part);
    return part;
  }

  /** Rows before the one that would open one part too many. */
  #rowsThatFit(groups: ReadonlyMap<string, Int32Array>, batch: CodedBatch): number {
    const room = LIMITS.partsPerUnit - this.#parts.size;
    const firsts = [...groups]
      .filter(([path]) => !this.#parts.has(path))
      .map(([, rows]) => rows[0]);
    if (firsts.length <= room) return batch.rows;
    return firsts.map((row) => row ?? 0).sort((a, b) => a - b)[room] ?? 0;
  }

  #full(): boolean {
    const { cuts } = this.#request;
    if (cuts === undefined) return false;
    let written = 0;
    let pending = 0;
    for (const part of this.#parts.values()) {
      written += part.encoder?.writtenBytes ?? 0;
      pending += part.encoder?.pendingBytes ?? 0;
    }
    this.#request.observe({
      type: 'buffer',
      name: 'export parts',
      bytes: pending,
      limitBytes: LIMITS.openPartBytes + LIMITS.rowGroupBytes,
    });
    const tooManyOpen = this.#parts.size > 1 && pending >= LIMITS.openPartBytes;
    return written + pending >= cuts.bytes || tooManyOpen;
  }

  async finish(): Promise<EncodedUnit> {
    const parts: EncodedPart[] = [];
    for (const part of this.#parts.values()) {
      await part.encoder?.finish();
      parts.push({ path: part.path, rows: part.rows, staged: await part.writer?.finish() });
    }
    return {
      through: this.#through,
      rows: this.#rows,
      contentDigest: this.#digest,
      parts,
    };
  }

  async abandon(): Promise<void> {
    for (const part of this.#parts.values()) {
      await part.encoder?.abandon();
      await part.writer?.abandon().catch(() => undefined);
    }
  }
}
