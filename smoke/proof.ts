/**
 * Owns: the proof of the demo, made without hyp: the exported files are read one by one and their
 * rows compared with the rows that went in, as a multiset. Ranges are `(after, through]`.
 * Not its job: who exported them or how often it was killed.
 * llp/0016
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What stands at the destination for one dataset. */
export interface Exported {
  /** Files with rows, relative to the destination. */
  readonly files: readonly string[];
  /** Identity of each row, with how often it stands there. */
  readonly rows: ReadonlyMap<string, number>;
  readonly rowCount: number;
  readonly bytes: number;
  /** What is wrong with the ranges in the names, taken together; none when they tile. */
  readonly rangeFaults: readonly string[];
}

/** Input and output of one dataset, compared row by row. */
export interface Comparison {
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** Rows at the destination beyond what went in. */
  readonly duplicates: number;
  /** Rows that went in and are not at the destination. */
  readonly missing: number;
}

const RANGE = /-(\d{19})-(\d{19})(?:-\d+)?\.ndjson$/;
/** Plans, unit manifests and bytes being staged are not rows. */
const NOT_ROWS = /^(?:_hyp|\..*)$/;

/** Two lines have one identity when they are the same JSON object; a null is an absent value. */
export function identityOf(line: string): string {
  const row = JSON.parse(line) as Record<string, unknown>;
  const kept = Object.keys(row)
    .filter((key) => row[key] !== null && !key.startsWith('_hyp_'))
    .sort();
  return JSON.stringify(kept.map((key) => [key, row[key]]));
}

/** Counts identities. */
export function multisetOf(lines: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const identity = identityOf(line);
    counts.set(identity, (counts.get(identity) ?? 0) + 1);
  }
  return counts;
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function walk(dir: string): string[] {
  const entries = readdirSync(dir, { withFileTypes: true }).filter(
    (entry) => !NOT_ROWS.test(entry.name),
  );
  return entries.flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

/** Reads everything `<destination>/<dataset>` holds. */
export function readExported(destination: string, dataset: string): Exported {
  const paths = walk(join(destination, dataset)).sort();
  const lines: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const content = readFileSync(path);
    bytes += content.length;
    lines.push(...linesOf(content.toString('utf8')));
  }
  const files = paths.map((path) => relative(destination, path));
  return {
    files,
    rows: multisetOf(lines),
    rowCount: lines.length,
    bytes,
    rangeFaults: rangeFaults(files),
  };
}

/** The parts of a unit share its range; the ranges of the units must follow each other from 0. */
function rangeFaults(files: readonly string[]): string[] {
  const ranges = new Set<string>();
  const faults: string[] = [];
  for (const file of files) {
    const match = RANGE.exec(file);
    if (match === null) faults.push(`no range in the name ${file}`);
    else ranges.add(`${match[1] ?? ''} ${match[2] ?? ''}`);
  }
  let reached = 0n;
  for (const range of [...ranges].sort()) {
    const [after = 0n, through = 0n] = range.split(' ').map(BigInt);
    if (after !== reached)
      faults.push(`a unit starts after ${after}, the one before at ${reached}`);
    reached = through;
  }
  return faults;
}

export function compare(input: ReadonlyMap<string, number>, exported: Exported): Comparison {
  let rowsIn = 0;
  let missing = 0;
  for (const [identity, count] of input) {
    rowsIn += count;
    missing += Math.max(0, count - (exported.rows.get(identity) ?? 0));
  }
  let duplicates = 0;
  for (const [identity, count] of exported.rows) {
    duplicates += Math.max(0, count - (input.get(identity) ?? 0));
  }
  return { rowsIn, rowsOut: exported.rowCount, duplicates, missing };
}

/** Units that are planned at the destination and not complete: what a kill caught half way. */
export function openUnits(destination: string, dataset: string, sink: string): string[] {
  const dir = join(destination, dataset, '_hyp', sink);
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return [];
  }
  const complete = new Set(names);
  return names.filter(
    (name) => name.endsWith('.plan.json') && !complete.has(name.replace('.plan.json', '.json')),
  );
}

/** Files with rows so far; cheap enough to ask while the daemon works. */
export function countFiles(destination: string, dataset: string): number {
  try {
    return walk(join(destination, dataset)).length;
  } catch {
    return 0;
  }
}
