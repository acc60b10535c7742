/** Runs the contract of every sink: on the real disk and on one in memory. llp/0009 */
import { describe, expect, it } from 'vitest';
import { SINK_CONTRACT } from '../../../sinks/conformance.ts';
import type { SinkUnderTest } from '../../../sinks/conformance-steps.ts';
import { createFsSink } from '../../../sinks/fs.ts';
import { readFileIfAny } from '../../../src/core/durable-fs.ts';
import type { DurableFs } from '../../../src/core/durable-fs.ts';
import { toSinkName } from '../../../src/core/ids.ts';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { systemRandom } from '../../../src/core/random.ts';
import { FsBlobStore } from '../../../sinks/blob/fs-store.ts';
import { MemoryFs } from '../../support/memory-fs.ts';
import { tempDir } from '../../support/tmp.ts';

function fsSinkAt(fs: DurableFs, path: string): () => Promise<SinkUnderTest> {
  const options = { name: toSinkName('archive'), path, fs, random: systemRandom };
  const eyes = new FsBlobStore({ fs, root: path, stagingDir: `${path}/.x`, random: systemRandom });
  return async () =>
    Promise.resolve({
      sink: createFsSink(options),
      read: (key) => readFileIfAny(fs, `${path}/${key}`),
      list: async () => {
        const keys: string[] = [];
        for await (const key of eyes.list('')) keys.push(key);
        return keys.sort();
      },
    });
}

describe('the contract of a sink holds for a directory', () => {
  it('has a case for every promise', () => {
    expect(SINK_CONTRACT.length).toBe(25);
  });
  describe('on the real disk', () => {
    it.each(SINK_CONTRACT)('$name', async ({ run }) => {
      await run(fsSinkAt(nodeFs, `${await tempDir()}/exports/here`));
    });
  });
  describe('on a disk in memory', () => {
    it.each(SINK_CONTRACT)('$name', async ({ run }) => {
      await run(fsSinkAt(new MemoryFs('/data'), '/data/exports/here'));
    });
  });
});
