/**
 * Owns: the metadata file, `v<N>.metadata.json`: one Iceberg v2 file that any engine opens and that
 * a VersionedRecord links. Invariants: I9 (the link to older versions is in it), I12 (sealed).
 * Commit point: not here; core/versioned-record links what `tableMetadataFormat` encodes.
 *
 * | seal | and | means |
 * | whole | - | a commit of hyp |
 * | broken | - | E_CORRUPT |
 * | none | not JSON, or the member `hyp.seal` is there | E_CORRUPT |
 * | none | otherwise | E_FOREIGN: another program committed |
 *
 * The seal is a top-level member, the first of the file. Engines ignore members they do not know and
 * leave them out when they write; a seal among the properties would be copied by them.
 * llp/0006
 */
import { SEAL_PLACEHOLDER, checkSeal, sealBytes } from '../../src/core/digest.ts';
import { HypError, isHypError } from '../../src/core/errors.ts';
import { parseJson, stringifyJson } from '../../src/core/json.ts';
import type { Json } from '../../src/core/json.ts';
import type { RecordFormat } from '../../src/core/versioned-record.ts';
import { metadataFromJson, metadataToJson } from './metadata-json.ts';
import type { DecodedMetadata } from './metadata-json.ts';
import type { TableMetadata } from './metadata.ts';

const SEAL_MEMBER = 'hyp.seal';
/** A gzip file is one that Spark wrote: its version counts, so that nothing is linked beside it. */
const FILE_NAME = /^v([1-9]\d*)(?:\.gz)?\.metadata\.json$/;

/**
 * Any Iceberg v1 or v2 metadata file as a value, whoever wrote it; no seal is asked for. For
 * `hyp check` and adoption. E_CORRUPT when it is not one, E_UNSUPPORTED_FORMAT for what hyp does not
 * read: a higher version, partitions, other types.
 */
export function readMetadata(bytes: Uint8Array, path: string): TableMetadata {
  return decoded(parseText(bytes, path), path).value;
}

/** The version a metadata file's name stands for, or undefined for any other file. */
export function versionOfName(name: string): number | undefined {
  const digits = FILE_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Files `v<N>.metadata.json` for a VersionedRecord. */
export const tableMetadataFormat: RecordFormat<TableMetadata> = {
  fileName: (version) => `v${version}.metadata.json`,
  parseName: versionOfName,
  encode: (value, link, version) => {
    const json = { [SEAL_MEMBER]: SEAL_PLACEHOLDER, ...metadataToJson(value, link, version) };
    return sealBytes(Buffer.from(stringifyJson(json)));
  },
  decode: (bytes, path) => {
    const seal = checkSeal(bytes);
    if (seal === 'broken') throw damaged(path, 'its digest does not match');
    const json = parseText(bytes, path);
    if (seal === 'unsealed') throw unsealed(json, path);
    const { value, link } = decoded(json, path);
    if (link === undefined) throw foreign(path);
    return { value, link };
  },
};

function decoded(json: Json, path: string): DecodedMetadata {
  try {
    return metadataFromJson(json, path);
  } catch (cause) {
    if (isHypError(cause)) throw cause;
    throw damaged(path, 'it is not table metadata', cause);
  }
}

function parseText(bytes: Uint8Array, path: string): Json {
  return parseJson(Buffer.from(bytes).toString('utf8'), path);
}

/** Our own member without a readable seal is damage; without the member another program wrote it. */
function unsealed(json: Json, path: string): HypError {
  const ours = typeof json === 'object' && json !== null && SEAL_MEMBER in json;
  return ours ? damaged(path, 'its seal is unreadable') : foreign(path);
}

function foreign(path: string): HypError {
  return new HypError('E_FOREIGN', `another program committed to this table: ${path}`, {
    hint: 'Nothing is written or exported until the table is restored to a version of hyp.',
    details: { path },
  });
}

function damaged(path: string, why: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `damaged table metadata ${path}: ${why}`, {
    cause,
    hint: 'Nothing was changed. Run `hyp check`; restore the file from a backup.',
    details: { path },
  });
}
