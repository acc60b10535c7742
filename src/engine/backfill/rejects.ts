/**
 * Owns: the file of lines a backfill could not take: where, why, and the line itself, so that it
 * can be mended and loaded. Durable before the commit that moves past the line; a backfill killed
 * between the two writes the line again.
 * llp/0012
 */
import { mkdirDurable } from '../../core/durable-fs.ts';
import type { WriteHandle } from '../../core/durable-fs.ts';
import type { DatasetName } from '../../core/ids.ts';
import type { Reject } from '../../codec/ndjson/decoder.ts';
import type { EngineContext } from '../context.ts';

const REJECTS_DIR = 'rejects';

export class RejectsFile {
  readonly #context: EngineContext;
  readonly #dataset: DatasetName;
  #handle: WriteHandle | undefined;

  constructor(context: EngineContext, dataset: DatasetName) {
    this.#context = context;
    this.#dataset = dataset;
  }

  /** Absolute path, once there was a reject. */
  get path(): string | undefined {
    return this.#handle?.path;
  }

  /** Appends one JSON line for each reject and makes them durable, all with one sync. */
  async add(
    files: readonly { readonly file: string; readonly rejects: readonly Reject[] }[],
  ): Promise<void> {
    const lines = files.flatMap(({ file, rejects }) =>
      rejects.map((reject) =>
        JSON.stringify({
          file,
          line: reject.line,
          byte: reject.byte,
          reason: reject.reason,
          text: Buffer.from(reject.bytes).toString('utf8'),
        }),
      ),
    );
    if (lines.length === 0) return;
    this.#handle ??= await this.#create();
    await this.#handle.write(Buffer.from(`${lines.join('\n')}\n`));
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  async #create(): Promise<WriteHandle> {
    const { fs, root, random } = this.#context;
    const dir = await mkdirDurable(fs, root, REJECTS_DIR);
    const handle = await fs.create(`${dir}/${this.#dataset}-${random.uuid()}.ndjson`);
    await fs.syncDir(dir);
    return handle;
  }
}
