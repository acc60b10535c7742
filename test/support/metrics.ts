/**
 * Owns: reading the Prometheus text format as a scraper does, apart from the code that writes it.
 * llp/0013
 */

const SAMPLE =
  /^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,(?!\})|(?=\})))*\})? (-?[0-9.e+-]+)$/;

/** What a strict reader would complain about; empty when the text is well-formed. */
export function metricProblems(text: string): string[] {
  const problems: string[] = [];
  if (!text.endsWith('\n')) problems.push('the last line does not end');
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const series = new Set<string>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [, kind, name = '', type = ''] = /^# (HELP|TYPE) ([a-z0-9_]+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') helped.add(name);
    if (kind === 'TYPE') types.set(name, type);
    if (kind !== undefined) continue;
    const [, sample = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    const id = sample + labels;
    if (sample === '' || !Number.isFinite(Number(value))) problems.push(`not a sample: ${line}`);
    else if (!types.has(sample)) problems.push(`${sample} has no type`);
    else if (!helped.has(sample)) problems.push(`${sample} has no help`);
    else if ((types.get(sample) === 'counter') !== sample.endsWith('_total')) {
      problems.push(`${sample} is named unlike its type`);
    }
    if (series.has(id)) problems.push(`${id} is there twice`);
    series.add(id);
  }
  return problems;
}

/** The value of one series as it is written; undefined when it is not there. */
export function metricValue(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): string | undefined {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  const id = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
  const line = text.split('\n').find((each) => each.startsWith(`${id} `));
  return line?.slice(id.length + 1);
}
