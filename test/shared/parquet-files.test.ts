import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isHypError } from '../../src/core/errors.ts';
import { nodeFs } from '../../src/core/node-fs.ts';
import { readFooter } from '../../storage/data/footer.ts';
import { readRowGroup } from '../../storage/data/read.ts';

const data =
  process.env['HYP_SHARED_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

function filesOf(kind: 'good' | 'bad'): string[] {
  const dir = `${data}/parquet/${kind}`;
  return readdirSync(dir).map((name) => `${dir}/${name}`);
}

async function answerOf(path: string): Promise<string> {
  try {
    const footer = await readFooter(nodeFs, path);
    for (const index of footer.rowGroups.keys())
      await readRowGroup(nodeFs, { path, footer }, index);
    return 'rows';
  } catch (error) {
    return isHypError(error) ? error.code : `crash: ${String(error)}`;
  }
}

describe('Parquet files of other programs', () => {
  it.each(filesOf('good'))('%s is read or refused as a format we do not have', async (path) => {
    expect(['rows', 'E_UNSUPPORTED_FORMAT']).toContain(await answerOf(path));
  });

  it.each(filesOf('bad'))('%s is an error of ours, never a crash', async (path) => {
    expect(['E_CORRUPT', 'E_UNSUPPORTED_FORMAT']).toContain(await answerOf(path));
  });
});
