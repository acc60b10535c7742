/**
 * Owns: the signals that stop a daemon, as a port, and the exit codes that belong to them.
 * llp/0011
 */

export type StopSignal = 'SIGINT' | 'SIGTERM';

export interface Signals {
  /** Calls `listener` at each stop signal; the answer ends that. */
  subscribe(listener: (signal: StopSignal) => void): () => void;
}

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];
const EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

/** 128 + the signal's number, as a shell reports it. */
export function signalExitCode(signal: StopSignal): number {
  return EXIT_CODES[signal];
}

/** The signals of this process. While anyone is subscribed they no longer end it by themselves. */
export const processSignals: Signals = {
  subscribe: (listener) => {
    for (const signal of STOP_SIGNALS) process.on(signal, listener);
    return () => {
      for (const signal of STOP_SIGNALS) process.off(signal, listener);
    };
  },
};
