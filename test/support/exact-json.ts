/**
 * Owns: when two rows are equal (DESIGN §8): as JSON with numbers compared as decimals, -0 as 0,
 * of duplicate keys the last one, null members of the row itself absent. Shares no code with the
 * codec it judges.
 * llp/0004
 */

/** One spelling for all JSON numbers of the same value. */
export function exactNumber(text: string): string {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return '0';
  const scale = BigInt(power) - BigInt(fraction.length) + BigInt(digits.length - trimmed.length);
  return `${text.startsWith('-') ? '-' : ''}${trimmed}e${scale}`;
}

type Exact = null | boolean | string | Exact[] | Map<string, Exact> | { number: string };

/** Splits valid JSON into its tokens. */
const TOKENS = /"(?:[^"\\]|\\[^])*"|-?\d[\d.eE+-]*|true|false|null|[[\]{}:,]/g;

function read(tokens: readonly string[], state: { at: number }): Exact {
  const token = tokens[state.at++] ?? '';
  if (token === '{') {
    const members = new Map<string, Exact>();
    while (tokens[state.at] !== '}') {
      if (tokens[state.at] === ',') state.at++;
      const key = JSON.parse(tokens[state.at] ?? '') as string;
      state.at += 2;
      members.set(key, read(tokens, state));
    }
    state.at++;
    return members;
  }
  if (token === '[') {
    const items: Exact[] = [];
    while (tokens[state.at] !== ']') {
      if (tokens[state.at] === ',') state.at++;
      items.push(read(tokens, state));
    }
    state.at++;
    return items;
  }
  if (/^[-\d]/.test(token)) return { number: exactNumber(token) };
  return JSON.parse(token) as null | boolean | string;
}

function spell(value: Exact): string {
  if (value instanceof Map) {
    const members = [...value].sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${spell(item)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(spell).join(',')}]`;
  if (typeof value === 'object' && value !== null) return `#${value.number}`;
  return JSON.stringify(value);
}

/** The same text for equal rows, another one for different rows. */
export function exactRow(text: string): string {
  const value = read(text.match(TOKENS) ?? [], { at: 0 });
  if (!(value instanceof Map)) throw new Error(`not a row: ${text}`);
  for (const [key, item] of value) if (item === null) value.delete(key);
  return spell(value);
}

/** `exactRow` of each line. */
export function exactRows(ndjson: Uint8Array | string): string[] {
  const text = typeof ndjson === 'string' ? ndjson : Buffer.from(ndjson).toString();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(exactRow);
}
