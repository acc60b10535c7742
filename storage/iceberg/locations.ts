/**
 * Owns: a table's location as text in its metadata, and the way back to its own directory.
 *
 * A location is `file://` followed by the absolute path as it is, without percent-encoding: no
 * engine decodes it (DuckDB, PyIceberg, Hadoop paths). PyIceberg takes `?` and `#` in a URI for the
 * end of the path, so a directory with one of these, or with a control character, is written as a
 * plain absolute path, which all of them read.
 * Not its job: moving a table; a path is always resolved against the directory the table is in now.
 * llp/0006
 */
import { HypError } from '../../src/core/errors.ts';

const SCHEME = 'file://';
const NOT_IN_A_URI = /[?#\p{Control}]/u;
const FOLDERS = ['data', 'metadata'] as const;

/** The location of the table in the absolute directory `dir`, without a slash at its end. */
export function locationOf(dir: string): string {
  const windows = /^[A-Za-z]:[\\/]/.test(dir);
  const path = withoutSlash(windows ? `/${dir.replaceAll('\\', '/')}` : dir);
  return NOT_IN_A_URI.test(path) ? path : SCHEME + path;
}

/** The directory a location names: `file:///a`, `file:/a` (Hadoop) and `/a` are the same. */
export function directoryOf(location: string): string {
  const path = location.replace(/^file:(?:\/\/(?=\/))?/, '');
  if (!path.startsWith('/') || path.startsWith('//')) {
    throw new HypError('E_UNSUPPORTED_FORMAT', `not a path of this machine: ${location}`, {
      hint: 'hyp keeps its tables in local directories.',
    });
  }
  return withoutSlash(path);
}

function withoutSlash(path: string): string {
  return path.replace(/(?<=[^/])\/+$/, '');
}

/** What follows the last slash. */
export function baseName(location: string): string {
  return location.slice(location.lastIndexOf('/') + 1);
}

/**
 * Where a file named in metadata is now. Everything lies in `data/` or `metadata/` of the table;
 * what the recorded location says counts only up to there, so a moved or copied table reads its own
 * files. E_FOREIGN for a path that would lead elsewhere.
 */
export function resolve(recorded: string, recordedLocation: string, actualDir: string): string {
  const path = directoryOf(recorded);
  const base = `${directoryOf(recordedLocation)}/`;
  const inside = path.startsWith(base)
    ? path.slice(base.length)
    : path.split('/').slice(-2).join('/');
  const [folder, ...rest] = inside.split('/');
  const known = FOLDERS.some((name) => name === folder);
  if (!known || rest.length === 0 || rest.some((part) => part === '' || /^\.\.?$/.test(part))) {
    throw new HypError('E_FOREIGN', `${recorded} is not a file of the table in ${actualDir}`, {
      hint: 'Another program changed this table; restore it from a backup.',
      details: { path: recorded, table: actualDir },
    });
  }
  return `${actualDir}/${inside}`;
}
