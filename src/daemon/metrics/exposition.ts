/**
 * Owns: the Prometheus text format (0.0.4), as little of it as hyp says: families of gauges and
 * counters, each with help and type, samples in the order given. Pure.
 * Not its job: which metrics there are (families.ts).
 * llp/0020
 */

/** A family without samples is written all the same: that nothing is there yet is an answer. */
export interface Family {
  /** `hyp_…`, unit last, `_total` behind it for a counter. */
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | bigint;
}

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The whole answer of a scrape; ends with a line feed, as the format wants. */
export function exposition(families: readonly Family[]): string {
  return families.map(familyText).join('');
}

function familyText({ name, help, type, samples }: Family): string {
  const lines = samples.map((sample) => `${name}${labelText(sample.labels)} ${sample.value}\n`);
  return `# HELP ${name} ${escape(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escape(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
