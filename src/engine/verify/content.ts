/**
 * Owns: the rows of one unit as the table has them against the rows its objects hold, in one pass
 * over the table. NDJSON, plain or gzip, is compared line by line with what the rows encode to;
 * Parquet is decoded, and its content digest compared with the table's.
 * Bounded (I13): one row group of the table, one of an object, and a chunk of each open object.
 * Not its job: sizes and SHA-256 (judge); which units to look at (verify).
 * llp/0018
 */
import { addDigests, contentDigest, digestHex } from '../../codec/content-digest.ts';
import { isHypError, problemText } from '../../core/errors.ts';
import type { DurableFs } from '../../core/durable-fs.ts';
import { LIMITS } from '../../core/limits.ts';
import { unobserved } from '../../core/events.ts';
import type { Unit } from '../../core/unit.ts';
import type { Survey } from '../../../sinks/blob/survey.ts';
import { readFooter } from '../../../storage/data/footer.ts';
import { readRowGroup } from '../../../storage/data/read.ts';
import { scan } from '../../../storage/scan/scan.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import { encodeUnit } from '../export/encode.ts';
import type { EncodedUnit } from '../export/encode.ts';
import { ENCODER_VERSION } from '../export/part-encoder.ts';
import type { Difference } from './judge.ts';
import { compareObject } from './object-lines.ts';
import type { ObjectComparison } from './object-lines.ts';

export interface ContentSource {
  readonly fs: DurableFs;
  readonly survey: Survey;
  readonly table: Table;
  readonly head: TableHead;
}

export interface ContentVerdict {
  readonly differences: readonly (Difference & { readonly key: string | undefined })[];
  /** Rows of the table that were read. */
  readonly rows: number;
  /** Why the objects' rows were not compared with the table's, when they were not. */
  readonly passedOver: string | undefined;
}

type Added = ContentVerdict['differences'][number];

/** Compares rows; `there` says which parts have an object with the right number of bytes or not. */
export async function judgeContent(
  source: ContentSource,
  unit: Unit,
  there: readonly boolean[],
): Promise<ContentVerdict> {
  const { head } = source;
  const found = await parquetContent(source, unit, there);
  if (head.value.hyp.prunedThrough > unit.after) {
    return { differences: found.differences, rows: 0, passedOver: 'units with removed rows' };
  }
  const comparisons: (ObjectComparison | undefined)[] = [];
  let encoded: EncodedUnit;
  try {
    encoded = await encodeAgainst(source, unit, there, comparisons);
  } catch (error) {
    for (const each of comparisons) await each?.abandon();
    if (!isHypError(error, 'E_CORRUPT', 'E_FOREIGN')) throw error;
    const what = `the table's rows cannot be read: ${problemText(error)}`;
    const damaged = { label: 'table-damaged', range: rangeOf(unit), what, key: undefined } as const;
    return { differences: [...found.differences, damaged], rows: 0, passedOver: undefined };
  }
  const differences = [...found.differences, ...rowDifferences(unit, encoded, found.digest)];
  for (const [index, comparison] of comparisons.entries()) {
    const problem = comparison?.problem();
    const key = unit.parts[index]?.key;
    if (problem !== undefined) differences.push({ ...problem, range: rangeOf(unit), key });
  }
  const old = isLines(unit) && unit.encoder.version !== ENCODER_VERSION;
  return {
    differences,
    rows: encoded.rows,
    passedOver: old ? 'units of an older encoder' : undefined,
  };
}

function isLines(unit: Unit): boolean {
  return unit.encoder.name !== 'parquet';
}

/** The unit's rows once through the encoder, into comparisons instead of staged files. */
async function encodeAgainst(
  source: ContentSource,
  unit: Unit,
  there: readonly boolean[],
  comparisons: (ObjectComparison | undefined)[],
): Promise<EncodedUnit> {
  const { fs, survey, table, head } = source;
  const comparable = isLines(unit) && unit.encoder.version === ENCODER_VERSION;
  return encodeUnit({
    batches: scan(table, head, unit),
    after: unit.after,
    // Compared is what is inside the compression, which may be of another zlib.
    encoder: { ...unit.encoder, name: 'ndjson' },
    columns: [],
    cuts: undefined,
    stage: (index) => {
      const part = unit.parts[index];
      if (!comparable || part === undefined || there[index] !== true)
        return Promise.resolve(undefined);
      const packed = unit.encoder.name === 'ndjson.gz';
      const comparison = compareObject(fs, survey.pathOf(part.key), packed);
      comparisons[index] = comparison;
      return Promise.resolve(comparison);
    },
    observe: unobserved,
  });
}

/** The table's rows against what the unit says of them. */
function rowDifferences(
  unit: Unit,
  encoded: EncodedUnit,
  objects: string | undefined,
): readonly Added[] {
  const range = rangeOf(unit);
  const found: Added[] = [];
  const add = (what: string, key?: string): void =>
    void found.push({
      label: key === undefined ? 'rows-differ' : 'object-content',
      range,
      what,
      key,
    });
  const ours = digestHex(encoded.contentDigest);
  const rows = unit.rows + (unit.absent?.rows ?? 0);
  if (encoded.rows !== rows || ours !== unit.contentDigest) {
    add(
      `the table has ${encoded.rows} rows with digest ${ours}, the unit says ${rows} with ${unit.contentDigest}`,
    );
  }
  // Its digest is of all rows of its range; none of them is in an object.
  if (unit.absent !== undefined) return found;
  if (objects !== undefined && objects !== ours) {
    add(
      `the objects hold rows with digest ${objects}, the table has ${ours}`,
      unit.parts[0]?.key ?? '',
    );
  }
  for (const [index, part] of unit.parts.entries()) {
    const rows = encoded.parts[index]?.rows ?? 0;
    if (rows !== part.rows)
      add(`the unit says ${part.rows} rows, the table has ${rows} for it`, part.key);
  }
  return found;
}

/** Digest over all Parquet objects of a unit; undefined when one is not there or cannot be read. */
async function parquetContent(
  source: ContentSource,
  unit: Unit,
  there: readonly boolean[],
): Promise<{ readonly digest: string | undefined; readonly differences: readonly Added[] }> {
  if (isLines(unit)) return { digest: undefined, differences: [] };
  let digest = 0n;
  const differences: Added[] = [];
  for (const [index, part] of unit.parts.entries()) {
    if (there[index] !== true) continue;
    try {
      const read = await parquetObject(source.fs, source.survey.pathOf(part.key));
      digest = addDigests(digest, read.digest);
      if (read.rows === part.rows) continue;
      const what = `the object has ${read.rows} rows, the unit says ${part.rows}`;
      differences.push({ label: 'object-content', range: rangeOf(unit), what, key: part.key });
    } catch (error) {
      if (isHypError(error, 'E_UNAVAILABLE')) throw error;
      const what = `the object cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      differences.push({ label: 'object-unreadable', range: rangeOf(unit), what, key: part.key });
    }
  }
  const whole = there.every(Boolean) && differences.length === 0;
  return { digest: whole ? digestHex(digest) : undefined, differences };
}

async function parquetObject(
  fs: DurableFs,
  path: string,
): Promise<{ readonly rows: number; readonly digest: bigint }> {
  const footer = await readFooter(fs, path);
  let digest = 0n;
  let rows = 0;
  for (const [index, group] of footer.rowGroups.entries()) {
    // hyp writes none larger; whatever was put here instead must not fill the memory.
    if (group.rows > LIMITS.batchRows || group.end - group.start > LIMITS.batchBytes) {
      throw new Error(`row group ${index} is larger than any of hyp's`);
    }
    const batch = await readRowGroup(fs, { path, footer }, index);
    digest = addDigests(digest, contentDigest(batch));
    rows += batch.rows;
  }
  return { rows, digest };
}

function rangeOf({ after, through }: Unit): {
  readonly after: Unit['after'];
  readonly through: Unit['through'];
} {
  return { after, through };
}
