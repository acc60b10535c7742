/**
 * Owns: the benchmarks as a command: `npm run bench -- [name…] [--mb N] [--memory-mb N] [--rounds N]
 * [--large] [--dir DIR] [--out FILE]`. Prints one table a benchmark, writes every figure to FILE.
 * Exit status: 0 all goals met, 1 one is missed (named at the end), 2 wrong usage.
 * llp/0016
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { DataMaker } from './data.ts';
import { exportBacklog } from './export.ts';
import { ingest } from './ingest.ts';
import { memory } from './memory.ts';
import { answerText } from './report.ts';
import type { Answer } from './report.ts';
import { tick } from './tick.ts';

const BENCHMARKS: Readonly<Record<string, (bench: Bench) => Promise<Answer>>> = {
  ingest,
  export: exportBacklog,
  tick,
  memory,
};

const OPTIONS = {
  mb: { type: 'string', default: '1000' },
  'memory-mb': { type: 'string', default: '2000' },
  rounds: { type: 'string', default: '5' },
  large: { type: 'boolean', default: false },
  dir: { type: 'string', default: tmpdir() },
  out: { type: 'string' },
} as const;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const names = positionals.length === 0 ? Object.keys(BENCHMARKS) : positionals;
  const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown !== undefined) {
    console.error(`no benchmark ${unknown}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
    return 2;
  }
  const dir = mkdtempSync(join(resolve(values.dir), 'hyp-bench-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  const bench: Bench = {
    dir,
    data: new DataMaker(dir),
    rounds: Number(values.rounds),
    megabytes: Number(values.mb),
    memoryMegabytes: Number(values['memory-mb']),
    large: values.large,
  };
  const machine = { node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model };
  console.log(`node ${machine.node}, ${machine.cpus} x ${machine.cpu ?? '?'}`);
  const answers: Record<string, Answer> = {};
  for (const name of names) {
    const answer = await BENCHMARKS[name]?.(bench);
    if (answer === undefined) continue;
    answers[name] = answer;
    console.log(answerText(name, answer));
  }
  if (values.out !== undefined) {
    writeFileSync(values.out, `${JSON.stringify({ machine, answers }, undefined, 2)}\n`);
  }
  const missed = Object.values(answers).flatMap((answer) =>
    answer.goals.filter((goal) => !goal.met),
  );
  for (const goal of missed) console.error(`goal missed: ${goal.what}`);
  return missed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
