/**
 * Owns: whether a key prefix and a partition template are well formed, so that a typing error is
 * told with line and column before anything runs. The sinks read both again with the same rules
 * (sinks/blob); a test holds the two together, because config may import no sink.
 * llp/0010
 */

const PREFIX_BYTES = 200;
const PREFIX_NAME = /^[A-Za-z0-9][A-Za-z0-9_.=+-]*$/;
const SEGMENT_BYTES = 220;
const PATH_BYTES = 600;
/** What a field may grow to, and room for a first character that has to be encoded. */
const FIELD_BYTES = 96;
const FIRST_BYTES = 2;
const UNITS = ['year', 'month', 'day', 'hour'];
/** A name of the path, cut at slashes outside of braces: column names may hold one. */
const SEGMENTS = /(?:\{[^}]*\}?|[^/{])*/y;
const FIELD = /\{([^{}]*)\}/g;

const NOT_LITERAL = /[^A-Za-z0-9_.=+-]/;

// No reason repeats the value: it may have come from the environment.
const FIELD_EXPECTED = `a field is {column} or {column:${UNITS.join('|')}}`;
const LITERAL_EXPECTED = 'only A-Z a-z 0-9 _ . = + - may stand between fields';
export const PREFIX_EXPECTED =
  'expected a key prefix such as raw/json: names of A-Z a-z 0-9 _ . = + - with / between them';

/** A key prefix without the slashes at its ends; undefined when it is none. */
export function parsePrefix(text: string): string | undefined {
  const prefix = text.replace(/^\/+|\/+$/g, '');
  if (prefix === '') return '';
  const good = prefix.split('/').every((name) => PREFIX_NAME.test(name));
  return good && prefix.length <= PREFIX_BYTES ? prefix : undefined;
}

function segmentsOf(template: string): string[] {
  const segments: string[] = [];
  for (let at = 0; at <= template.length; at++) {
    SEGMENTS.lastIndex = at;
    const segment = SEGMENTS.exec(template)?.[0] ?? '';
    segments.push(segment);
    at += segment.length;
  }
  return segments;
}

function fieldProblem(body: string): string | undefined {
  const cut = body.lastIndexOf(':');
  const column = cut < 0 ? body : body.slice(0, cut);
  const known = cut < 0 || UNITS.includes(body.slice(cut + 1));
  return known && column !== '' ? undefined : FIELD_EXPECTED;
}

function segmentProblem(segment: string): string | undefined {
  if (segment === '') return 'a partition template has no empty name (// or / at an end)';
  if (/^[._]/.test(segment)) return 'no name may begin with . or _, which readers skip';
  for (const [, body = ''] of segment.matchAll(FIELD)) {
    const problem = fieldProblem(body);
    if (problem !== undefined) return problem;
  }
  return NOT_LITERAL.test(segment.replaceAll(FIELD, '')) ? LITERAL_EXPECTED : undefined;
}

function mostBytes(segment: string): number {
  const fields = segment.match(FIELD)?.length ?? 0;
  return FIRST_BYTES + segment.replaceAll(FIELD, '').length + fields * FIELD_BYTES;
}

/** Why a partition template is malformed; undefined when it is well formed (empty: no partition). */
export function partitionProblem(template: string): string | undefined {
  if (template === '') return undefined;
  const segments = segmentsOf(template);
  const problem = segments.map(segmentProblem).find((each) => each !== undefined);
  if (problem !== undefined) return problem;
  const sizes = segments.map(mostBytes);
  const path = sizes.reduce((sum, bytes) => sum + bytes + 1, 0);
  const tooLong = sizes.some((bytes) => bytes > SEGMENT_BYTES) || path > PATH_BYTES;
  return tooLong ? 'the path of a partition could become too long' : undefined;
}
