/**
 * Owns: bugs of what is done now and then: merging manifests, relocating, dropping, backing up, keeping
 * rejected lines, making a store. Each fsync of them left out in turn.
 * llp/0013
 */
import { unsynced } from './mutant.ts';
import type { Mutant } from './mutant.ts';

const PROMISES = 'test/sim/power-promises.test.ts';
const MOVED = { killedBy: PROMISES, tests: /was moved/ };
const NAMES = { killedBy: PROMISES, tests: /behind the names/ };
const BACKUP = { killedBy: PROMISES, tests: /backup/ };
const DROP = { killedBy: PROMISES, tests: /drop/ };
const REJECTS = { killedBy: PROMISES, tests: /rejected/ };

export const UPKEEP: readonly Mutant[] = [
  {
    name: 'a merged manifest is not fsynced',
    file: 'storage/iceberg/merge-commit.ts',
    text: 'await createSynced(table.fs, `${metadataDir(table.dir)}/${name}`, bytes);',
    becomes: unsynced('table.fs', '`${metadataDir(table.dir)}/${name}`', 'bytes'),
    killedBy: PROMISES,
    tests: /merged/,
  },
  {
    name: 'a relocated manifest is not fsynced',
    file: 'storage/iceberg/relocate.ts',
    text: 'await createSynced(table.fs, `${metadataDir(table.dir)}/${name}`, bytes);',
    becomes: unsynced('table.fs', '`${metadataDir(table.dir)}/${name}`', 'bytes'),
    ...MOVED,
  },
  {
    name: 'a relocated manifest list is not fsynced',
    file: 'storage/iceberg/relocate.ts',
    text: 'await createSynced(table.fs, `${metadataDir(table.dir)}/${name}`, list);',
    becomes: unsynced('table.fs', '`${metadataDir(table.dir)}/${name}`', 'list'),
    ...MOVED,
  },
  {
    name: 'names of relocated manifests are not fsynced before the version that names them is linked',
    file: 'storage/iceberg/relocate.ts',
    text: 'await table.fs.syncDir(dir);',
    becomes: '',
    ...NAMES,
  },
  {
    name: 'the positions a drop keeps are not durable before the version that names them',
    file: 'storage/iceberg/dropped.ts',
    text: 'await fs.syncDir(metadata);\n  const next',
    becomes: 'const next',
    ...NAMES,
  },
  {
    name: 'files of a dropped dataset come back with the power',
    file: 'storage/iceberg/dropped.ts',
    text: 'await fs.syncDir(data);\n    await fs.syncDir(metadata);',
    becomes: '',
    ...DROP,
  },
  {
    name: 'files are removed before the drop is linked',
    file: 'storage/iceberg/dropped.ts',
    text: 'const next = emptied(table, context, base.value, moved.fileName);',
    becomes: `for (const path of old) if (path.startsWith(data)) await unlinkIfAny(fs, path);
  await fs.syncDir(data);
  const next = emptied(table, context, base.value, moved.fileName);`,
    ...DROP,
  },
  {
    name: 'a file of a backup is not fsynced',
    file: 'src/engine/backup.ts',
    text: 'await createSynced(fs, to, chunksOf(source));',
    becomes: `const made = await fs.create(to);
    for await (const chunk of chunksOf(source)) await made.write(chunk);
    await made.close();`,
    ...BACKUP,
  },
  {
    name: 'the directory of a backup is not fsynced',
    file: 'src/engine/backup.ts',
    text: 'await fs.syncDir(dir);',
    becomes: '',
    ...BACKUP,
  },
  {
    name: 'names of progress records in a backup are not fsynced',
    file: 'src/engine/backup.ts',
    text: 'await fs.syncDir(to);',
    becomes: '',
    ...BACKUP,
  },
  {
    name: 'names of data files in a backup are not fsynced',
    file: 'src/engine/backup.ts',
    text: 'await fs.syncDir(dataDir(to));',
    becomes: '',
    ...BACKUP,
  },
  {
    name: 'the version of a table in a backup is not fsynced',
    file: 'src/engine/backup.ts',
    text: 'await fs.syncDir(metadataDir(to));\n      return head;',
    becomes: 'return head;',
    ...BACKUP,
  },
  {
    name: 'a backup says that it is a store before it is whole',
    file: 'src/engine/backup.ts',
    text: 'await makeRoot(fs, root, dir);',
    becomes: `await makeRoot(fs, root, dir);
  if (datasets.length > 0) await copyFile(fs, \`\${root}/\${STORE_FILE}\`, \`\${dir}/\${STORE_FILE}\`);
  if (datasets.length > 0) return { dir, datasets: [] };`,
    killedBy: 'test/sim/backup.test.ts',
  },
  {
    name: 'rejected lines are not fsynced',
    file: 'src/engine/backfill/rejects.ts',
    text: 'await this.#handle.datasync();',
    becomes: '',
    ...REJECTS,
  },
  {
    name: 'the name of a file of rejected lines is not fsynced',
    file: 'src/engine/backfill/rejects.ts',
    text: 'await fs.syncDir(dir);',
    becomes: '',
    ...REJECTS,
  },
  {
    name: 'the file that says that a directory is a store is not fsynced',
    file: 'src/engine/store-file.ts',
    text: 'await createSynced(fs, temp, sealBytes(Buffer.from(`${JSON.stringify(value)}\\n`)));',
    becomes: unsynced('fs', 'temp', 'sealBytes(Buffer.from(`${JSON.stringify(value)}\\n`))'),
    killedBy: 'test/crash/flush-races.test.ts',
    tests: /a power failure at any step/,
  },
  {
    name: 'the name of the file that says that a directory is a store is not fsynced',
    file: 'src/engine/store-file.ts',
    text: 'await fs.syncDir(root);',
    becomes: '',
    killedBy: 'test/crash/flush-races.test.ts',
    tests: /a power failure at any step/,
  },
];
