/**
 * Owns: `hyp cat`: rows of a range in seq order as NDJSON, batch by batch, as fast as they are read.
 * llp/0010
 */
import type { Command } from 'commander';
import { HypError } from '../../core/errors.ts';
import { toSeq } from '../../core/ids.ts';
import type { Seq } from '../../core/ids.ts';
import { SEQ_COLUMN, columnNamed } from '../../codec/columns.ts';
import type { Batch } from '../../codec/columns.ts';
import { encodeNdjson } from '../../codec/ndjson/encode.ts';
import { omitColumns } from '../../codec/omit.ts';
import { EXIT } from '../exit-codes.ts';
import { manual } from '../help.ts';
import type { Run, Task } from '../run.ts';

interface Options {
  readonly after?: string;
  readonly through?: string;
  readonly seq?: boolean;
}

function seqOption(name: string, text: string | undefined): Seq | undefined {
  if (text === undefined) return undefined;
  // BigInt also reads "", "0x10" and " 7 ".
  if (/^\d+$/.test(text)) return toSeq(text);
  throw new HypError('E_RANGE', `${name} is not a sequence number: ${JSON.stringify(text)}`, {
    hint: 'Sequence numbers are whole numbers from 0; `hyp status` shows the largest.',
  });
}

/** A row that has a `_hyp_seq` of its own must not have the key twice: readers page by ours. */
function onlyOurSeq(batch: Batch): Batch {
  const ours = columnNamed(batch, SEQ_COLUMN);
  const { rows, columns } = omitColumns(batch, [SEQ_COLUMN]);
  return { rows, columns: ours === undefined ? columns : [ours, ...columns] };
}

async function cat(task: Task, dataset: string, options: Options): Promise<number> {
  const after = seqOption('--after', options.after);
  const through = seqOption('--through', options.through);
  if (after !== undefined && through !== undefined && after > through) {
    throw new HypError('E_RANGE', `empty range: --after ${after} --through ${through}`, {
      hint: 'The range is (after, through]: after is exclusive and not above through.',
    });
  }
  const engine = await task.open({ mustExist: true });
  await engine.flush(dataset);
  for await (const batch of engine.scan(dataset, { after, through })) {
    const seq = options.seq === true;
    await task.world.stdout.write(encodeNdjson(seq ? onlyOurSeq(batch) : batch, { seq }));
  }
  return EXIT.ok;
}

const PAGE = manual({
  about: `
The range is (after, through]: --after is exclusive, --through inclusive. With --seq each row has
its sequence number as _hyp_seq: the last one is the --after of the next call. A value of its own
under that name is then left out.`,
  writes: 'a flush of the dataset (what was appended is committed, durable), nothing else.',
  exits: [[2, 'no such dataset, or an empty range']],
  examples: ['hyp cat requests', 'hyp cat requests --after 1000 --seq | tail -1'],
});

export function addCat(program: Command, run: Run): void {
  program
    .command('cat')
    .description('flush, then print rows in sequence order as NDJSON')
    .argument('<dataset>', 'as in `hyp dataset list`')
    .option('--after <n>', 'only rows above this sequence number (default 0)')
    .option('--through <n>', 'only rows up to this sequence number (default: the last)')
    .option('--seq', 'add _hyp_seq to each row')
    .addHelpText('after', PAGE)
    .action((dataset: string, options: Options, command: Command) =>
      run(command, (task) => cat(task, dataset, options)),
    );
}
