/**
 * Owns: the page `--help` adds to the options of a command: what it does, what it writes and from
 * when on that is durable, its exit statuses, examples. A test runs every example as it is printed.
 * llp/0010
 */
import { EXIT_MEANINGS } from './exit-codes.ts';

export interface Page {
  /** What the description and the options do not say; lines of at most 100 characters. */
  readonly about?: string;
  /** What is written where, and what is durable when the command returns. */
  readonly writes: string;
  /** What a status means for this command, beside the ones every command has. */
  readonly exits?: readonly (readonly [status: number, meaning: string])[];
  /** Command lines for a shell, one line each. */
  readonly examples: readonly [string, ...string[]];
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join('');
}

function statusLines(exits: NonNullable<Page['exits']>): string[] {
  return exits.map(([status, meaning]) => `${status.toString().padEnd(3)}  ${meaning}`);
}

/** The page as text, to be shown after the options. */
export function manual({ about, writes, exits = [], examples }: Page): string {
  const named = exits.some(([status]) => status === 0) ? exits : [[0, 'done'] as const, ...exits];
  return [
    about === undefined ? '' : `\n${about.trim()}\n`,
    `\nWrites:\n${indented(writes.trim().split('\n'))}`,
    `\nExit status:\n${indented(statusLines(named))}  any other: see \`hyp --help\`\n`,
    `\nExamples:\n${indented(examples.map((example) => `$ ${example}`))}`,
  ]
    .join('')
    .trimEnd();
}

/** Every exit status there is, for the page of `hyp` itself. */
export function exitTable(): string {
  return `Exit status:\n${indented(statusLines(EXIT_MEANINGS))}`;
}
