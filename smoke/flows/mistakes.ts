/**
 * Owns: what a user's mistakes come to: exit codes, and messages that say what to do.
 * llp/0016
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hyp, hypOk, inFreshDir } from '../harness.ts';
import { linesOf } from '../proof.ts';
import { expectEqual, expectMatch } from './expect.ts';

/** Wrong flags, verbs and names exit 2 and write nothing to stdout. */
export async function usageFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    const wrong: readonly (readonly string[])[] = [
      ['--no-such-flag'],
      ['nosuchverb'],
      ['append'],
      ['append', 'Not-A-Name'],
      ['tick', '--no-such-flag'],
      ['cat'],
      ['status', '--log-level', 'loud'],
    ];
    for (const args of wrong) {
      const done = await hyp(args, { cwd });
      expectEqual(`exit code of hyp ${args.join(' ')}`, done.code, 2);
      expectEqual(`stdout of hyp ${args.join(' ')}`, done.stdout, '');
      expectMatch(`stderr of hyp ${args.join(' ')}`, done.stderr, /^hyp: /);
    }
  });
}

/** A wrong hyp.yaml exits 78 and names every place by line and column. */
export async function badConfigFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    const text =
      'root: ./data\nsinks:\n  archive:\n    type: fs\n    path: ./out\n    colour: red\n';
    writeFileSync(join(cwd, 'hyp.yaml'), `${text}daemon: { tick: soon }\n`);
    for (const verb of ['tick', 'status', 'daemon']) {
      const done = await hyp([verb], { cwd });
      expectEqual(`exit code of hyp ${verb}`, done.code, 78);
      expectMatch(`stderr of hyp ${verb}`, done.stderr, /hyp\.yaml:6:5: .*colour/);
      expectMatch(`stderr of hyp ${verb}`, done.stderr, /hyp\.yaml:7:17: /);
    }
    const validate = await hyp(['validate', '--json'], { cwd });
    expectEqual('exit code of hyp validate', validate.code, 78);
    const { problems } = JSON.parse(validate.stdout) as {
      problems: { line: number; column: number }[];
    };
    expectEqual(
      'problems of hyp validate',
      problems.map(({ line, column }) => [line, column]),
      [
        [6, 5],
        [7, 17],
      ],
    );
  });
}

/** Bad lines exit 65; every good line around them is stored. */
export async function badLinesFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    const done = await hyp(['append', 'events'], { cwd, input: '{"a":1}\nnot json\n{"a":2}\n' });
    expectEqual('exit code of hyp append', done.code, 65);
    expectMatch('stderr of hyp append', done.stderr, /line 2/);
    const cat = await hypOk(['cat', 'events'], { cwd });
    expectEqual('rows stored', linesOf(cat.stdout), ['{"a":1}', '{"a":2}']);
  });
}
