/**
 * Locations in metadata and directories on disk. llp/0006
 */
import { describe, expect, test } from 'vitest';
import { baseName, directoryOf, locationOf, resolve } from '../../storage/iceberg/locations.ts';

describe('a location', () => {
  test.each([
    ['/store/t', 'file:///store/t'],
    ['/with space/per%20cent/t', 'file:///with space/per%20cent/t'],
    ['/store/t/', 'file:///store/t'],
    ['/ha#sh/t', '/ha#sh/t'],
    ['/wh?at/t', '/wh?at/t'],
    ['/new\nline/t', '/new\nline/t'],
  ])('of the directory %j is %j', (dir, location) => {
    expect(locationOf(dir)).toBe(location);
    expect(directoryOf(location)).toBe(dir.replace(/\/$/, ''));
  });

  test.each(['file:///store/t', 'file:/store/t', '/store/t', '/store/t/'])(
    'written as %s names the same directory',
    (location) => {
      expect(directoryOf(location)).toBe('/store/t');
    },
  );

  test('on another machine is refused', () => {
    for (const other of ['s3://bucket/t', 'file://host/t', 'relative/t']) {
      expect(() => directoryOf(other)).toThrow(
        expect.objectContaining({ code: 'E_UNSUPPORTED_FORMAT' }),
      );
    }
  });
});

describe('a path in metadata', () => {
  test.each([
    ['file:///store/t/data/a.parquet', '/now/t/data/a.parquet'],
    ['file:/store/t/metadata/m.avro', '/now/t/metadata/m.avro'],
    ['/store/t/data/dt=1/a.parquet', '/now/t/data/dt=1/a.parquet'],
    ['file:///elsewhere/before/data/a.parquet', '/now/t/data/a.parquet'],
  ])('%s is read from the table’s own directory', (recorded, actual) => {
    expect(resolve(recorded, 'file:///store/t', '/now/t')).toBe(actual);
  });

  test.each([
    '/store/t/data/../../secret',
    '/store/t/data/./a',
    '/store/t/data//a',
    '/store/t/data/',
    '/store/t/other/a.parquet',
    '/etc/passwd',
  ])('%s never leads out of the table', (recorded) => {
    expect(() => resolve(recorded, '/store/t', '/now/t')).toThrow(
      expect.objectContaining({ code: 'E_FOREIGN' }),
    );
  });

  test('ends in its base name', () => {
    expect(baseName('file:///a/b%20c.parquet')).toBe('b%20c.parquet');
  });
});
