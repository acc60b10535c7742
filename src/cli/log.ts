/**
 * Owns: what the engine says about itself, written to stderr: lines for people, JSON for programs,
 * pino for the daemon.
 * llp/0010
 */
import type { Clock } from '../core/clock.ts';
import type { HypEvent, Observe } from '../core/events.ts';
import { plain } from './print.ts';

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Buffer sizes are for those who look for a leak; decisions carry their own level. */
function levelOf(event: HypEvent): LogLevel {
  return event.type === 'buffer' ? 'debug' : event.level;
}

function factsOf(event: HypEvent): Readonly<Record<string, string | number | boolean | undefined>> {
  if (event.type === 'decision') return event.facts;
  return { name: event.name, bytes: event.bytes, limitBytes: event.limitBytes };
}

function nameOf(event: HypEvent): string {
  return event.type === 'buffer' ? 'buffer' : event.action;
}

/** True when something of `level` is shown at `shown`. */
export function isShown(level: LogLevel, shown: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(shown);
}

/** One line per event to `write`; text, or JSON with `json`. */
export function lineObserver(
  write: (line: string) => void,
  options: { readonly level: LogLevel; readonly json: boolean },
): Observe {
  return (event) => {
    const level = levelOf(event);
    if (!isShown(level, options.level)) return;
    if (options.json) {
      write(`${JSON.stringify({ level, action: nameOf(event), ...factsOf(event) })}\n`);
      return;
    }
    const facts = Object.entries(factsOf(event)).filter(([, value]) => value !== undefined);
    const shown = facts.map(([name, value]) => ` ${name}=${plain(String(value))}`).join('');
    write(`hyp: ${nameOf(event)}${shown}\n`);
  };
}

/** Lines kept while nobody takes them; what comes on top is not logged. */
const UNWRITTEN_BYTES = 1024 * 1024;

/**
 * JSON lines on stderr (or `fd`) by pino, written before the call returns, so a crash loses none. A
 * log that cannot be written stops nobody: its lines wait, up to a bound, and are tried again with
 * the next one.
 */
export async function daemonObserver(level: LogLevel, clock: Clock, fd = 2): Promise<Observe> {
  const { default: pino } = await import('pino');
  const destination = pino.destination({ dest: fd, sync: true, maxLength: UNWRITTEN_BYTES });
  // pino's own listener takes itself away at the first error that is no EPIPE, and throws it.
  destination.on('error', () => undefined);
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: () => `,"time":"${new Date(clock.nowMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return (event) => {
    const shown = levelOf(event);
    if (shown === 'silent') return;
    try {
      logger[shown](factsOf(event), nameOf(event));
    } catch {
      // The work goes on without its log.
    }
  };
}
