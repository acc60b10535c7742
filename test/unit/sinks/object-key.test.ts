/** Names at a destination: built and parsed in one place. llp/0009 */
import { describe, expect, it } from 'vitest';
import {
  isSafeKey,
  manifestKey,
  objectKey,
  ownerKey,
  parseObjectKey,
  parseUnitKey,
  planKey,
  toKeyPrefix,
} from '../../../sinks/blob/object-key.ts';
import { toDatasetName, toLineage, toSeq, toSinkName } from '../../../src/core/ids.ts';

const unit = {
  prefix: 'raw/logs',
  dataset: toDatasetName('requests'),
  lineage: toLineage('01234567-89ab-4cde-8f01-23456789abcd'),
  after: toSeq(41),
};
const part = {
  ...unit,
  partitionPath: 'dt=2026-11-21/web-1',
  through: toSeq(2n ** 63n - 1n),
  part: 7,
  ext: 'ndjson.gz',
};

describe('keys of a blob destination', () => {
  it('name dataset, partition, lineage, range, part and format', () => {
    expect(objectKey(part)).toBe(
      'raw/logs/requests/dt=2026-11-21/web-1/0123456789ab-0000000000000000041-9223372036854775807-007.ndjson.gz',
    );
  });

  it('leave out prefix, partition and part when there are none', () => {
    const bare = { ...part, prefix: '', partitionPath: '', part: undefined, ext: 'parquet' };
    expect(objectKey(bare)).toBe(
      'requests/0123456789ab-0000000000000000041-9223372036854775807.parquet',
    );
  });

  it('name plan and manifest by instance and start alone', () => {
    const name = { ...unit, instance: toSinkName('archive') };
    const stem = 'raw/logs/requests/_hyp/archive/0123456789ab-0000000000000000041';
    expect([planKey(name), manifestKey(name)]).toEqual([`${stem}.plan.json`, `${stem}.json`]);
    expect(parseUnitKey('raw/logs', `${stem}.plan.json`)?.kind).toBe('plan');
    expect(parseUnitKey('raw/logs', `${stem}.json`)).toEqual({
      kind: 'manifest',
      prefix: 'raw/logs',
      dataset: 'requests',
      instance: 'archive',
      lineageShort: '0123456789ab',
      after: 41n,
    });
    expect(parseObjectKey('raw/logs', `${stem}.json`)).toBeUndefined();
    expect(ownerKey('raw/logs')).toBe('raw/logs/_hyp-owner.json');
  });

  it.each([
    'requests/0123456789ab-0000000000000000041-0000000000000000042.ndjson', // another prefix
    'raw/logs/requests/0123456789ab-41-42.ndjson',
    'raw/logs/requests/0123456789ab-0000000000000000041-0000000000000000042-0007.ndjson',
    'raw/logs/requests/0123456789ab-0000000000000000041-9999999999999999999.ndjson',
    'raw/logs/Requests/0123456789ab-0000000000000000041-0000000000000000042.ndjson',
    'raw/logs/requests/_hyp/0123456789ab-0000000000000000041-0000000000000000042.ndjson',
    'raw/logs/requests/../0123456789ab-0000000000000000041-0000000000000000042.ndjson',
    'raw/logs/requests//0123456789ab-0000000000000000041-0000000000000000042.ndjson',
    'raw/logs/requests/somebody-elses.ndjson',
  ])('does not take %s for its own', (key) => {
    expect(parseObjectKey('raw/logs', key)).toBeUndefined();
  });

  it('refuses to build a key that leaves the destination or lands among the plans', () => {
    for (const partitionPath of ['..', 'a/../b', '/a', 'a//b', '_hyp/x', 'a b', 'a\\b', 'é']) {
      expect(() => objectKey({ ...part, partitionPath })).toThrow(/invariant/);
    }
    expect(isSafeKey('x'.repeat(256))).toBe(false);
    expect(isSafeKey(`${'x'.repeat(200)}/`.repeat(6))).toBe(false);
  });

  it('takes a prefix with slashes at its ends and refuses one that is not plain', () => {
    expect(toKeyPrefix('/raw/logs/')).toBe('raw/logs');
    expect(toKeyPrefix('')).toBe('');
    for (const bad of ['..', 'a/../b', 'a//b', '.hidden', '_x', 'a b', 'x'.repeat(201)]) {
      expect(() => toKeyPrefix(bad)).toThrow(/key prefix/);
    }
  });
});
