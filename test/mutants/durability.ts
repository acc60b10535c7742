/**
 * Owns: bugs of durability: each fsync of the tree left out in turn, and what is told before it is safe.
 * One call (core/durable-fs, createSynced) syncs the content of most files, so the places that use
 * it are taken one by one: a disk that never syncs is noticed at once and says nothing about each.
 * llp/0013
 */
import { unsynced } from './mutant.ts';
import type { Mutant } from './mutant.ts';

const POWER_FAILURE = {
  killedBy: 'test/crash/flush-races.test.ts',
  tests: /a power failure at any step/,
};
const RECORD_POWER = {
  killedBy: 'test/property/versioned-record.test.ts',
  tests: /power failures at/,
};

const VERSION_TEMP =
  'await createSynced(this.#fs, temp, this.#format.encode(value, link, version));';
const unsyncedRecord = (where: string) =>
  `if (/${where}/.test(this.dir)) {
    ${unsynced('this.#fs', 'temp', 'this.#format.encode(value, link, version)')}
    } else ${VERSION_TEMP}`;

export const DURABILITY: readonly Mutant[] = [
  {
    name: 'the temp file of a version is not fsynced before it is linked',
    file: 'src/core/versioned-record.ts',
    text: VERSION_TEMP,
    becomes: unsynced('this.#fs', 'temp', 'this.#format.encode(value, link, version)'),
    ...RECORD_POWER,
  },
  {
    name: 'the temp file of a table commit is not fsynced',
    file: 'src/core/versioned-record.ts',
    text: VERSION_TEMP,
    becomes: unsyncedRecord('metadata$'),
    ...POWER_FAILURE,
  },
  {
    // In a whole store its receipts and the destination make it good: shown on the record alone.
    name: 'the temp file of a progress record is not fsynced',
    file: 'src/core/versioned-record.ts',
    text: VERSION_TEMP,
    becomes: unsyncedRecord('progress'),
    killedBy: 'test/unit/state/progress.test.ts',
  },
  {
    name: 'a version is acknowledged before its directory is fsynced',
    file: 'src/core/versioned-record.ts',
    text: 'await this.#fs.syncDir(this.dir);\n        return this.#descends',
    becomes: 'return this.#descends',
    ...RECORD_POWER,
  },
  {
    name: 'a version of another process is acted on before it is durable',
    file: 'src/core/versioned-record.ts',
    text: 'await this.#fs.syncDir(this.dir);\n      const head',
    becomes: 'const head',
    killedBy: 'test/property/versioned-record.test.ts',
    tests: /wherever its reader stood/,
  },
  {
    name: 'a data file is not fsynced',
    file: 'storage/data/write.ts',
    text: 'await createSynced(fs, path, pieces());',
    becomes: `const file = await fs.create(path);
  for await (const piece of pieces()) await file.write(piece);
  await file.close();`,
    ...POWER_FAILURE,
  },
  {
    name: 'the directory of the data files is not fsynced before the commit',
    file: 'storage/iceberg/commit.ts',
    text: 'if (append.files.length > 0) await fs.syncDir(dataDir(table.dir));',
    becomes: '',
    ...POWER_FAILURE,
  },
  {
    name: 'a manifest is not fsynced',
    file: 'storage/iceberg/commit.ts',
    text: 'await createSynced(table.fs, `${dir}/${manifest.name}`, bytes);',
    becomes: unsynced('table.fs', '`${dir}/${manifest.name}`', 'bytes'),
    ...POWER_FAILURE,
  },
  {
    name: 'a manifest list is not fsynced',
    file: 'storage/iceberg/commit.ts',
    text: 'await createSynced(table.fs, `${dir}/${listName}`, list);',
    becomes: unsynced('table.fs', '`${dir}/${listName}`', 'list'),
    ...POWER_FAILURE,
  },
  {
    name: 'a positions file is not fsynced',
    file: 'src/core/content-file.ts',
    text: 'await createSynced(fs, temp, bytes);',
    becomes: unsynced('fs', 'temp', 'bytes'),
    ...POWER_FAILURE,
  },
  {
    name: 'the metadata directory is not fsynced before the version that names its files is linked',
    file: 'storage/iceberg/commit.ts',
    text: 'await fs.syncDir(dir);\n\n  const linked',
    becomes: 'const linked',
    ...POWER_FAILURE,
  },
  {
    name: 'a directory is made and not fsynced in its parent',
    file: 'src/core/durable-fs.ts',
    text: 'await fs.syncDir(parent);\n    parent = path;',
    becomes: 'parent = path;',
    killedBy: 'test/unit/core/durable-fs.test.ts',
  },
  {
    name: 'a replaced file is renamed without the fsync of its directory',
    file: 'src/core/durable-fs.ts',
    text: 'await fs.syncDir(parentOf(path));',
    becomes: '',
    killedBy: 'test/unit/core/durable-fs.test.ts',
  },
  {
    name: 'a short write is taken for a whole one',
    file: 'src/core/node-fs.ts',
    text: 'while (done < bytes.length) {',
    becomes: 'if (done < bytes.length) {',
    killedBy: 'test/unit/core/node-fs.test.ts',
  },
  {
    name: 'a file that is shorter than what was written is synced all the same',
    file: 'src/core/node-fs.ts',
    text: 'if (size !== this.#written) {',
    becomes: 'if (size > this.#written) {',
    killedBy: 'test/unit/core/durable-fs.test.ts',
  },
  {
    name: 'a handle whose sync failed is synced again',
    file: 'src/core/node-fs.ts',
    text: 'this.#poisoned = true;',
    becomes: '',
    killedBy: 'test/unit/core/node-fs.test.ts',
  },
  {
    name: 'a plan or a manifest is put at a destination without an fsync',
    file: 'sinks/blob/fs-store.ts',
    text: 'await createSynced(this.#fs, temp, body);',
    becomes: unsynced('this.#fs', 'temp', 'body'),
    killedBy: 'test/sim/blob-sink.test.ts',
    tests: /power failure at every step/,
  },
  {
    name: 'the name of an object is not fsynced before it is told of',
    file: 'sinks/blob/fs-store.ts',
    text: "await this.#syncWay(path);\n      return 'created';",
    becomes: "return 'created';",
    killedBy: 'test/sim/blob-sink.test.ts',
    tests: /power failure at every step/,
  },
  {
    name: 'an object another process linked is told of before its name is durable',
    file: 'sinks/blob/fs-store.ts',
    text: 'if (bytes !== undefined) await this.#syncWay(path);',
    becomes: '',
    killedBy: 'test/sim/blob-sink.test.ts',
    tests: /outlives the power/,
  },
  {
    name: 'an object of another process is a duplicate before its name is durable',
    file: 'sinks/blob/fs-store.ts',
    text: 'if (digest !== undefined) await this.#syncWay(path);',
    becomes: '',
    killedBy: 'test/sim/blob-sink.test.ts',
    tests: /outlives the power/,
  },
  {
    name: 'a staged part is delivered without an fsync',
    file: 'sinks/blob/staging.ts',
    text: 'await this.#handle.sync();',
    becomes: '',
    ...POWER_FAILURE,
  },
];
