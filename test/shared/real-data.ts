/**
 * Owns: the shared real inputs as bytes.
 * llp/0013
 */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const ROOT =
  process.env['HYP_SHARED_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

/** Names of the files in a directory of the set. */
export function realNames(dir: string): string[] {
  return readdirSync(`${ROOT}/${dir}`, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
}

/** The bytes of a file, unpacked when its name ends with .gz. */
export function realBytes(path: string): Buffer {
  const bytes = readFileSync(`${ROOT}/${path}`);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}
