/**
 * Owns: the promise that the command explains itself, whatever the verb.
 * llp/0016
 */
import { hyp, inFreshDir } from '../harness.ts';
import { expectEqual, expectMatch } from './expect.ts';

/** Every verb of this version. */
export const VERBS = [
  'init',
  'append',
  'backfill',
  'backup',
  'tick',
  'daemon',
  'status',
  'cat',
  'query',
  'sink',
  'dataset',
  'validate',
  'check',
  'verify',
  'completion',
] as const;

/** `hyp --help` names every verb, and each verb's `--help` exits 0 with an example. */
export async function helpFlow(): Promise<void> {
  await inFreshDir(async (cwd) => {
    const help = await hyp(['--help'], { cwd });
    expectEqual('exit code of hyp --help', help.code, 0);
    const listed = [...help.stdout.matchAll(/^ {2}([a-z]+)(?= |$)/gm)].map((match) => match[1]);
    expectEqual(
      'verbs of hyp --help',
      listed.filter((verb) => verb !== 'help').sort(),
      [...VERBS].sort(),
    );
    for (const verb of VERBS) {
      const own = await hyp([verb, '--help'], { cwd });
      expectEqual(`exit code of hyp ${verb} --help`, own.code, 0);
      expectMatch(`hyp ${verb} --help`, own.stdout, new RegExp(`Usage: hyp ${verb}`));
      expectMatch(`hyp ${verb} --help`, own.stdout, /--config <file>/);
    }
    const version = await hyp(['--version'], { cwd });
    expectMatch('hyp --version', version.stdout, /^\d+\.\d+\.\d+\n$/);
  });
}
