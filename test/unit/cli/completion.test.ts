import { describe, expect, test } from 'vitest';
import { placeOf } from '../../../src/cli/completion.ts';
import { buildProgram } from '../../../src/cli/program.ts';

const program = buildProgram(async () => undefined);

/** What may stand at the end of `line`, whose last word is what follows its last blank. */
function at(line: string) {
  const { wanted, begun } = placeOf(program, line.split(' ').slice(1));
  if (wanted.kind !== 'words') return wanted.kind;
  return wanted.words.map(({ word }) => word).filter((word) => word.startsWith(begun));
}

describe('at the Tab key', () => {
  test.each<[line: string, wanted: string | readonly string[]]>([
    ['hyp bac', ['backfill', 'backup']],
    ['hyp --json sta', ['status']],
    ['hyp sink pa', ['pause']],
    ['hyp sink --root . res', ['resolve', 'resume']],
    ['hyp sink pause ', 'sinks'],
    ['hyp sink pause archive ', 'nothing'],
    ['hyp verify ', 'sinks'],
    ['hyp cat ', 'datasets'],
    ['hyp cat --after 3 --through 4 ', 'datasets'],
    ['hyp cat --after ', 'nothing'],
    ['hyp append requests ', 'files'],
    ['hyp backfill requests a b c', 'files'],
    ['hyp backup ', 'directories'],
    ['hyp --root ', 'directories'],
    ['hyp tick --config ./h', 'files'],
    ['hyp sink resolve archive --dataset ', 'datasets'],
    ['hyp backfill requests --format ', ['ndjson', 'csv', 'tsv', 'json']],
    ['hyp backfill requests --format=c', ['--format=csv']],
    ['hyp backfill requests --format = c', ['csv']],
    ['hyp backfill requests --format =', ['ndjson', 'csv', 'tsv', 'json']],
    ['hyp completion ', ['bash', 'zsh', 'fish']],
    ['hyp tick ', 'nothing'],
    ['hyp query ', 'nothing'],
    ['hyp cat requests --a', ['--after']],
    ['hyp cat --after 1 requests --a', []],
    ['hyp append -- --j', 'datasets'],
    ['hyp status --watch --j', ['--json']],
  ])('%s', (line, wanted) => {
    const found = at(line);
    // A new format or command may stand beside these.
    if (typeof wanted === 'string' || wanted.length === 0) expect(found).toEqual(wanted);
    else expect(found).toEqual(expect.arrayContaining([...wanted]));
  });

  test('no word has a blank, and what is hidden is not offered', () => {
    for (const line of ['hyp ', 'hyp sink ', 'hyp cat -', 'hyp sink resolve -']) {
      const words = at(line);
      expect(words.length).toBeGreaterThan(3);
      for (const word of words) expect(word).toMatch(/^[\w=-]+$/);
      expect(words).not.toContain('complete');
    }
  });

  test('--config and --root that stand before are the ones that count', () => {
    const words = ['--root', './there', 'cat', '--config=site.yaml', ''];
    expect(placeOf(program, words).given).toMatchObject({ root: './there', config: 'site.yaml' });
  });
});
