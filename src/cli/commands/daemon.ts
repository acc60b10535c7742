/**
 * Owns: `hyp daemon`: the daemon in the foreground: logs on stderr, one ready line on stdout.
 * llp/0011
 */
import type { Command } from 'commander';
import { runDaemon } from '../../daemon/daemon.ts';
import { Counters } from '../../daemon/metrics/counters.ts';
import { signalExitCode } from '../../daemon/signals.ts';
import { formatAddress } from '../../config/values.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import { daemonObserver } from '../log.ts';
import type { Run, Task } from '../run.ts';

async function daemon(task: Task): Promise<number> {
  const { clock, random, signals } = task.world;
  const config = await task.config();
  const counters = new Counters();
  const observe = counters.watching(await daemonObserver(task.logLevel ?? 'info', clock));
  const engine = await task.open({ mustExist: false, observe });
  const onReady = ({ http }: { readonly http: { host: string; port: number } | undefined }) => {
    const url = http === undefined ? undefined : `http://${formatAddress(http)}`;
    const text = `hyp daemon ready: pid ${process.pid}, store ${engine.root}, ${url ?? 'no http'}\n`;
    // Whoever started it may not read; the daemon does not depend on that.
    task
      .result(text, { ready: true, pid: process.pid, root: engine.root, http: url ?? null })
      .catch(() => undefined);
  };
  const end = await runDaemon(engine, config, {
    clock,
    random,
    observe,
    counters,
    signals,
    onReady,
  });
  if (end.kind === 'drained') return EXIT.ok;
  // Steps may still be running and would hold the process; ending them here is safe (I8).
  process.exit(end.kind === 'left' ? signalExitCode(end.signal) : EXIT.ok);
}

const PAGE = manual({
  about: `
Flushes, exports and retries until SIGTERM or Ctrl-C, then drains within daemon.drain (default 10s)
and ends with 0; a second signal leaves at once, which is safe, as kill -9 is. On daemon.http (default
http://127.0.0.1:7711): /health, /ready, /status (JSON) and /metrics (Prometheus). One line on stdout
when it is ready; decisions as JSON lines on stderr from level info on (--log-level).`,
  writes: `
what the spool holds into the tables, units to the sinks, and the progress of each: every step is
durable before the next one relies on it. A store is made where there is none.`,
  exits: [
    [0, 'drained, or the limit of daemon.drain passed'],
    [75, 'another daemon has this store'],
    [130, 'a second signal; 143 for SIGTERM'],
  ],
  examples: ['hyp daemon', 'hyp daemon --log-level warn'],
});

export function addDaemon(program: Command, run: Run): void {
  program
    .command('daemon')
    .description('flush and export continuously until told to stop')
    .addHelpText('after', PAGE)
    .action((_options: object, command: Command) => run(command, daemon));
}
