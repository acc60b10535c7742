/**
 * Owns: NDJSON of any size made from a real log (smoke/data): each pass over its rows has other
 * ids, times, clients and sizes, so that columns stay as varied as a log's. Made once per size and
 * run, in the run's own temporary directory.
 * llp/0016
 */
import { createWriteStream, existsSync, readFileSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const LOG = 'smoke/data/apache_access_10k.ndjson.gz';
const CHUNK_BYTES = 1024 * 1024;
/** The log covers less than four days: passes do not overlap in time. */
const PASS_MS = 4 * 24 * 60 * 60_000;

/** The columns of the rows made here, with DuckDB's name of the type hyp gives them. */
export const COLUMNS = {
  id: 'BIGINT',
  system: 'VARCHAR',
  ts: 'VARCHAR',
  client: 'VARCHAR',
  ident: 'VARCHAR',
  user: 'VARCHAR',
  request: 'VARCHAR',
  status: 'BIGINT',
  bytes: 'BIGINT',
  referrer: 'VARCHAR',
  agent: 'VARCHAR',
} as const;

export interface DataFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}

interface LogRow {
  readonly system: string;
  readonly ts: string;
  readonly client: string;
  readonly bytes: number | null;
}

/** One row of the log, taken apart: what changes from pass to pass, and the text that does not. */
interface Model {
  readonly atMs: number;
  readonly network: string;
  readonly host: number;
  readonly size: number | null;
  readonly request: string;
  readonly rest: string;
}

function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

function modelOf(line: string): Model {
  const row = JSON.parse(line) as LogRow & Record<string, unknown>;
  const cut = row.client.lastIndexOf('.') + 1;
  const { request, status, referrer, agent } = row;
  return {
    atMs: Date.parse(row.ts),
    network: row.client.slice(0, cut),
    host: Number(row.client.slice(cut)),
    size: row.bytes,
    request: `"ident":null,"user":null,"request":${JSON.stringify(request)},"status":${String(status)}`,
    rest: `"referrer":${JSON.stringify(referrer)},"agent":${JSON.stringify(agent)}`,
  };
}

function textOf(model: Model, id: number, pass: number): string {
  const ts = new Date(model.atMs + pass * PASS_MS).toISOString().replace('.000Z', '+00:00');
  const client = `${model.network}${(model.host + pass * 7) % 256}`;
  const size = model.size === null ? 'null' : (model.size + ((pass * 13) % 97)).toString();
  return `{"id":${id},"system":"ApacheAccess","ts":"${ts}","client":"${client}",${model.request},"bytes":${size},${model.rest}}\n`;
}

/** Makes files of at least `limit.bytes` or exactly `limit.rows`, each size once. */
export class DataMaker {
  readonly #dir: string;
  readonly #models: readonly Model[];
  readonly #made = new Map<string, DataFile>();

  constructor(dir: string) {
    this.#dir = dir;
    const text = gunzipSync(readFileSync(join(packageRoot(), LOG))).toString('utf8');
    this.#models = text.split('\n').filter(Boolean).map(modelOf);
  }

  /** NDJSON of at least `bytes` bytes. */
  ofBytes(bytes: number): Promise<DataFile> {
    return this.#make(`${bytes}-bytes`, { bytes, rows: Number.POSITIVE_INFINITY, firstId: 0 });
  }

  /** NDJSON of `rows` rows; their ids follow `firstId`. */
  ofRows(rows: number, firstId = 0): Promise<DataFile> {
    const name = `${rows}-rows-after-${firstId}`;
    return this.#make(name, { bytes: Number.POSITIVE_INFINITY, rows, firstId });
  }

  async #make(
    name: string,
    limit: { readonly bytes: number; readonly rows: number; readonly firstId: number },
  ): Promise<DataFile> {
    const made = this.#made.get(name);
    if (made !== undefined) return made;
    const path = join(this.#dir, `${name}.ndjson`);
    const stream = createWriteStream(path);
    let rows = 0;
    let bytes = 0;
    let pending = '';
    while (rows < limit.rows && bytes + pending.length < limit.bytes) {
      const at = limit.firstId + rows;
      const model = this.#models[at % this.#models.length];
      if (model === undefined) throw new Error(`${LOG} has no rows`);
      pending += textOf(model, at + 1, Math.floor(at / this.#models.length));
      rows += 1;
      if (pending.length < CHUNK_BYTES) continue;
      bytes += Buffer.byteLength(pending);
      if (!stream.write(pending)) await once(stream, 'drain');
      pending = '';
    }
    stream.end(pending);
    await finished(stream);
    const file = { path, rows, bytes: statSync(path).size };
    this.#made.set(name, file);
    return file;
  }
}
