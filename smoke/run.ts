/**
 * Owns: the flows, one after another, against the built package: `node dist/smoke/run.js`.
 * Exit status: 0 all promises kept, 1 one is broken.
 * llp/0016
 */
import { FLOWS } from './flows/all.ts';
import { bold, dim, green, red, say } from './print.ts';

let broken = 0;
for (const { promise, run } of FLOWS) {
  try {
    const tried = (await run()) !== false;
    say(`${tried ? green('kept') : dim('left')}    ${promise}`);
  } catch (error) {
    broken += 1;
    say(`${red('broken')}  ${promise}`);
    say(dim(error instanceof Error ? error.message : String(error)));
  }
}
say(bold(broken === 0 ? `${FLOWS.length} promises kept` : red(`${broken} promises broken`)));
process.exit(broken === 0 ? 0 : 1);
