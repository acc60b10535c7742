/**
 * Owns: what hyp says about itself while it works: decisions for the log, sizes for the tests.
 * An observer must not throw and must not wait; nothing depends on one being there.
 * llp/0001
 */

export type HypEvent =
  /** A buffer reached `bytes`; it must never exceed `limitBytes` (I13). */
  | {
      readonly type: 'buffer';
      readonly name: string;
      readonly bytes: number;
      readonly limitBytes: number;
    }
  /** A decision that changes what is stored or sent, in one line. */
  | {
      readonly type: 'decision';
      readonly action: string;
      readonly level: 'info' | 'warn';
      readonly facts: Readonly<Record<string, string | number | boolean | undefined>>;
    };

export type Observe = (event: HypEvent) => void;

export const unobserved: Observe = () => undefined;
