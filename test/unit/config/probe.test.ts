import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import { probeConfig } from '../../../src/config/probe.ts';
import { nodeFs } from '../../../src/core/node-fs.ts';
import { systemRandom } from '../../../src/core/random.ts';
import { tempDir } from '../../support/tmp.ts';

describe('the probe of a configuration', () => {
  it('finds nothing where everything can be made, and leaves nothing behind', async () => {
    const dir = await tempDir();
    const text = 'sinks: {a: {type: fs, path: out/deep}}';
    const config = parseConfig(text, { path: join(dir, 'hyp.yaml'), env: {} });
    expect(await probeConfig(config, nodeFs, systemRandom)).toEqual([]);
    expect(await readdir(dir)).toEqual([]);
  });

  it('says of the store and of each sink what stands in its way', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'file'), '');
    await writeFile(join(dir, 'other'), '');
    const text = 'root: file\nsinks: {a: {type: fs, path: other/out}, b: {type: fs, path: ok}}';
    const config = parseConfig(text, { path: join(dir, 'hyp.yaml'), env: {} });
    expect(await probeConfig(config, nodeFs, systemRandom)).toEqual([
      { what: 'root', path: join(dir, 'file'), message: `not a directory: ${join(dir, 'file')}` },
      { what: 'sinks.a', path: join(dir, 'other/out'), message: 'cannot be written (ENOTDIR)' },
    ]);
  });

  it('refuses a file system without links', async () => {
    const dir = await tempDir();
    const fs = {
      ...nodeFs,
      link: () => Promise.reject(Object.assign(new Error('no'), { code: 'EPERM' })),
    };
    const config = parseConfig('', { path: join(dir, 'hyp.yaml'), env: {} });
    const findings = await probeConfig(config, fs, systemRandom);
    expect(findings.map((finding) => finding.message)).toEqual([
      `no hard links in ${dir}: commits would not be safe`,
    ]);
    expect(await readdir(dir)).toEqual([]);
  });
});
