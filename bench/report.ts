/**
 * Owns: what a benchmark answers and how that is shown: one table, its goals, figures for a file.
 * llp/0016
 */

export interface Goal {
  readonly what: string;
  readonly met: boolean;
}

/** The answer of one benchmark. */
export interface Answer {
  /** The question, with rows, bytes, codec, threads and what is synced: what was compared. */
  readonly question: string;
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
  /** Every figure, by name, for programs. */
  readonly figures: Readonly<Record<string, unknown>>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function fixed(value: number, digits = 2): string {
  return value.toFixed(digits);
}

export function mebibytes(bytes: number): string {
  return count(bytes / (1024 * 1024));
}

function tableText(answer: Answer): string {
  const lines = [answer.titles, ...answer.rows];
  const widths = answer.titles.map((_title, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  return lines
    .map((line) =>
      widths
        .map((width, column) => {
          const cell = line[column] ?? '';
          return column === 0 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function answerText(name: string, answer: Answer): string {
  const goals = answer.goals.map((goal) => `${goal.met ? 'met ' : 'MISSED'}  ${goal.what}`);
  const parts = [`\n== ${name}: ${answer.question}`, '', tableText(answer), ''];
  return [...parts, ...answer.notes, ...goals].join('\n');
}
