/**
 * Owns: the shapes of what `hyp verify` answers. Ranges are `(after, through]` in seq.
 * llp/0018
 */
import type { AbsentRows } from '../../core/unit.ts';
import type { DatasetName, Lineage, Seq, SinkName } from '../../core/ids.ts';

export interface VerifyOptions {
  /** Only this sink of the configuration; default: all. */
  readonly sink?: string | undefined;
  /**
   * Also reads every object and every row: SHA-256, rows, and content against the table. Without it
   * presence and sizes are compared.
   */
  readonly deep?: boolean | undefined;
}

export interface SeqRange {
  readonly after: Seq;
  readonly through: Seq;
}

/** What a finding is; the table is in engine/verify/judge and in llp/0018. */
export type VerifyLabel =
  | 'owner'
  | 'registry-damaged'
  | 'record-damaged'
  | 'record-gap'
  | 'table-damaged'
  | 'table-behind'
  | 'hole'
  | 'double'
  | 'manifest-missing'
  | 'manifest-damaged'
  | 'plan-missing'
  | 'plan-damaged'
  | 'plan-differs'
  | 'plan-unknown'
  | 'unit-differs'
  | 'chain-broken'
  | 'receipt-missing'
  | 'receipt-differs'
  | 'object-missing'
  | 'object-size'
  | 'object-bytes'
  | 'object-content'
  | 'object-unreadable'
  | 'rows-differ'
  | 'extra-object'
  | 'foreign-object'
  | 'unknown-lineage';

/** One difference, a plain sentence, with where it is and what to do. */
export interface VerifyFinding {
  readonly label: VerifyLabel;
  /** The dataset's directory name; undefined for what concerns the whole destination. */
  readonly dataset: string | undefined;
  /** The rows it concerns, as far as they are known. */
  readonly range: SeqRange | undefined;
  /** Path of the object or file, or the name of the record. */
  readonly where: string;
  readonly what: string;
  readonly hint: string;
}

/** Units that follow each other and are whole, as far as was looked. */
export interface Tile extends SeqRange {
  readonly units: number;
  readonly rows: bigint;
  readonly objects: number;
  readonly bytes: number;
}

/** Rows that were skipped, or that were delivered to another destination. */
export interface AbsentRange extends SeqRange {
  readonly why: AbsentRows['why'];
  readonly rows: bigint;
  readonly reason: string;
}

export interface DatasetVerification {
  readonly dataset: DatasetName;
  readonly lineage: Lineage;
  /** As the progress record had it when the look began; undefined when it cannot be read. */
  readonly watermark: Seq | undefined;
  /** The unit on its way; it is not judged. */
  readonly openUnit: SeqRange | undefined;
  /** In order; one that ends at the watermark is a delivery without a fault. At most 1,000. */
  readonly tiles: readonly Tile[];
  /** Ranges within the tiles whose rows are not here because a person decided so. At most 1,000. */
  readonly absent: readonly AbsentRange[];
}

export interface SinkVerification {
  readonly sink: SinkName;
  readonly destination: string;
  readonly datasets: readonly DatasetVerification[];
  /** The first 1,000. */
  readonly findings: readonly VerifyFinding[];
  /** How many there are. */
  readonly found: number;
  /** What was looked at, by kind: units, objects, bytes, rows, files. */
  readonly counted: Readonly<Record<string, number>>;
}

export interface VerifyReport {
  readonly deep: boolean;
  readonly sinks: readonly SinkVerification[];
}
