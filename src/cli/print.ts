/**
 * Owns: how results look: tables for people, JSON for programs, and the two streams they go to.
 * A result goes to stdout, everything else to stderr. Text from data never moves the cursor.
 * llp/0010
 */
import { systemCode } from '../core/errors.ts';
import { stringifyJson } from '../core/json.ts';
import type { Json } from '../core/json.ts';

/** One of the two streams. */
export interface Output {
  readonly isTty: boolean;
  /** Resolves when the bytes are out, so that a slow reader slows the command. EPIPE: reader gone. */
  write(bytes: Uint8Array | string): Promise<void>;
}

/** A stream as an Output; its errors reach whoever writes, and nobody else. */
export function outputOf(stream: NodeJS.WriteStream): Output {
  stream.on('error', () => undefined);
  return {
    isTty: stream.isTTY,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
  };
}

/** True when the reader of our output has gone away, as `head` does. */
export function isReaderGone(error: unknown): boolean {
  return ['EPIPE', 'ERR_STREAM_DESTROYED'].includes(systemCode(error) ?? '');
}

/** One JSON value on one line. Integers of any size keep their digits. */
export function jsonLine(value: Json): string {
  return `${stringifyJson(value)}\n`;
}

/** `1,234,567`. */
export function formatCount(count: number | bigint): string {
  return count.toString().replace(/\B(?=(?:\d{3})+$)/g, ',');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[power] ?? ''}`;
}

/** `45s`, `3m 20s`, `2h 5m`, `4d 1h`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(Math.floor(seconds), 0);
  if (whole < 60) return `${whole}s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)}h ${Math.floor((whole % 3_600) / 60)}m`;
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3_600)}h`;
}

/** Control characters made visible: a value must not be able to rewrite the terminal. */
export function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1);
    return escaped === character
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
      : escaped;
  });
}

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Aligned columns under their titles, each line ended; no line has blanks at its end. */
export function table(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [columns.map((column) => column.title), ...rows.map((row) => row.map(plain))];
  const widths = columns.map((_column, index) =>
    lines.reduce((widest, line) => Math.max(widest, line[index]?.length ?? 0), 0),
  );
  const format = (line: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const width = widths[index] ?? 0;
        const cell = line[index] ?? '';
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return lines.map((line) => `${format(line)}\n`).join('');
}

/** `1 row`, `2 rows`. */
export function plural(count: number | bigint, one: string): string {
  return `${formatCount(count)} ${one}${BigInt(count) === 1n ? '' : 's'}`;
}
