/** Real rows written as one JSON array are the rows they were (llp/0019). */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { unobserved } from '../../src/core/events.ts';
import { readJsonArray } from '../../src/codec/json-array.ts';
import { decodeAll, encodeAll } from '../support/ndjson.ts';

const data =
  process.env['HYP_SHARED_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const events = `${data}/events`;
const files = readdirSync(events).filter((name) => !name.includes('arrays'));

async function* cut(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 100_003) {
    yield await Promise.resolve(content.subarray(at, at + 100_003));
  }
}

describe('real rows as a JSON array', () => {
  it.each(files)('%s', async (name) => {
    const stored = readFileSync(`${events}/${name}`);
    const bytes = name.endsWith('.gz') ? gunzipSync(stored) : stored;
    const lines = bytes.toString('utf8').trimEnd().split('\n');
    const array = Buffer.from(`[\n  ${lines.join(',\n  ')}\n]\n`);
    const batches = [];
    for await (const batch of readJsonArray(cut(array), { start: 0, observe: unobserved })) {
      batches.push(batch);
    }
    expect(encodeAll(batches)).toBe(encodeAll(decodeAll([bytes.toString('utf8')])));
    expect(batches.flatMap(({ rejects }) => rejects)).toEqual([]);
  });
});
