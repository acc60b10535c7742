/**
 * Owns: how the demo looks: 80 columns, colour only on a terminal that wants it.
 * llp/0016
 */

const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint = (code: number) => (text: string) =>
  colours ? `\u001b[${code}m${text}\u001b[0m` : text;

export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

/** `12,000` */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

export function heading(text: string): void {
  say();
  say(bold(text));
}

const started = performance.now();

/** A line of the story, with the seconds since it began. */
export function event(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  say(`${dim(`${seconds} s`)}  ${text}`);
}

/** Rows of cells: the first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  for (const row of rows) {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(Math.max(width, 10));
    });
    say(`  ${cells.join('  ')}`);
  }
}
