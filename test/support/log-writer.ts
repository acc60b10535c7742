/**
 * Owns: a log that is written as programs write theirs, in pieces that end anywhere, and rotated as
 * logrotate does it, while `hyp backfill --follow` reads it. Lines have ids 1, 2, 3, …
 * llp/0013
 */
import { appendFileSync, copyFileSync, existsSync, renameSync, truncateSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { seededRandom } from './random.ts';
import type { SeededRandom } from './random.ts';

export class LogWriter {
  readonly path: string;
  readonly #random: SeededRandom;
  #rest = '';
  #stopping = false;
  #rotations = 0;
  lastId = 0;

  constructor(path: string, seed: number) {
    this.path = path;
    this.#random = seededRandom(seed);
  }

  /** Writes until `stop`; the last line is whole then. */
  async run(everyMs: number): Promise<void> {
    while (!this.#stopping) {
      this.write(1 + this.#random.integer(40));
      await wait(this.#random.integer(2 * everyMs));
    }
    this.write(1);
    this.#append(this.#rest);
  }

  stop(): void {
    this.#stopping = true;
  }

  /** As many lines; the last of them is mostly cut somewhere, its rest comes first next time. */
  write(lines: number): void {
    let text = this.#rest;
    for (let line = 0; line < lines; line++) {
      text += `{"id":${++this.lastId},"pad":"${'x'.repeat(this.#random.integer(80))}"}\n`;
    }
    const cut = text.length - this.#random.integer(40);
    this.#append(text.slice(0, cut));
    this.#rest = text.slice(cut);
  }

  /** Renames the log; the program, which has it open, ends its line there. */
  renameAway(): void {
    this.#shift();
    this.#append(this.#rest);
    this.#rest = '';
    renameSync(this.path, `${this.path}.1`);
  }

  /** Copies the log and cuts it to nothing. */
  copyAndCut(): void {
    this.#shift();
    this.#append(this.#rest);
    this.#rest = '';
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path);
  }

  #shift(): void {
    for (let at = this.#rotations++; at > 0; at--) {
      const path = `${this.path}.${at}`;
      if (existsSync(path)) renameSync(path, `${this.path}.${at + 1}`);
    }
  }

  #append(text: string): void {
    appendFileSync(this.path, text);
  }
}
