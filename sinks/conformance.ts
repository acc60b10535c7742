/**
 * Owns: the contract of `Sink` in executable form: one case per promise of sink.ts. Whoever writes
 * a sink runs them all; a sink that fails one loses or doubles rows for its users.
 * Not its job: power failures and pauses at each step, which need the sink's own disk or network.
 * llp/0009
 */
import { toDatasetName, toSeq } from '../src/core/ids.ts';
import { defined, invariant } from '../src/core/invariant.ts';
import { sameUnit } from '../src/core/unit.ts';
import { sampleUnit, stagePart } from './sample-unit.ts';
import type { SampleUnit } from './sample-unit.ts';
import {
  AB,
  DATASET,
  LINEAGE,
  OTHER,
  OWNER,
  claimed,
  deliverAll,
  refusal,
  same,
} from './conformance-steps.ts';
import type { SinkUnderTest } from './conformance-steps.ts';

export interface SinkCase {
  readonly name: string;
  /** `make` opens one and the same new destination each time, as another process would. */
  readonly run: (make: () => Promise<SinkUnderTest>) => Promise<void>;
}

async function wholeParts({ read }: SinkUnderTest, { unit, bytes }: SampleUnit): Promise<void> {
  for (const [index, part] of unit.parts.entries()) {
    const found = await read(part.key);
    invariant(
      found !== undefined && Buffer.compare(found, defined(bytes[index], 'bytes')) === 0,
      `${part.key} holds its bytes`,
    );
  }
}

const OWNERSHIP: readonly SinkCase[] = [
  {
    name: 'claiming twice, from any process, is the same claim',
    run: async (make) => {
      const first = await claimed(make);
      await first.sink.claim(OWNER);
      const before = await first.list();
      await claimed(make);
      same(await first.list(), before, 'names after a second claim');
    },
  },
  {
    name: 'a destination of another owner is refused and stays as it is',
    run: async (make) => {
      const first = await claimed(make);
      const before = await first.list();
      const second = await make();
      await refusal(() => second.sink.claim('store-2/archive'), 'E_FORK');
      same(await first.list(), before, 'names after the refusal');
      await first.sink.claim(OWNER);
    },
  },
  {
    name: 'a destination that was delivered to before is not claimed again once it is empty',
    run: async (make) => {
      const { sink, list } = await make();
      await refusal(() => sink.claim(OWNER, 'known'), 'E_PARKED');
      same(await list(), [], 'names after a refused claim');
      await sink.claim(OWNER);
      await sink.claim(OWNER, 'known');
    },
  },
  {
    name: 'it stands while its owner and the last manifest are there, and not without them',
    run: async (make) => {
      const { sink } = await make();
      await refusal(() => sink.stands(OWNER, undefined), 'E_PARKED');
      await sink.claim(OWNER);
      await sink.stands(OWNER, undefined);
      await refusal(() => sink.stands('store-2/archive', undefined), 'E_FORK');
      await refusal(() => sink.stands(OWNER, AB.unit), 'E_PARKED');
      await sink.announce(AB.unit);
      await deliverAll(sink, AB);
      await sink.complete(AB.unit);
      await sink.stands(OWNER, AB.unit);
    },
  },
  {
    name: 'a unit is closed without its parts, once, and never over another',
    run: async (make) => {
      const { sink } = await claimed(make);
      await sink.close(AB.unit);
      await sink.close(AB.unit);
      same((await sink.lookup(DATASET, LINEAGE, AB.unit.after)).kind, 'delivered', 'a closed unit');
      await refusal(() => sink.close(OTHER.unit), 'E_FORK');
    },
  },
  {
    name: 'a plan that was taken away is put again beside its manifest, once, and never over another',
    run: async (make) => {
      const { sink } = await claimed(make);
      await sink.close(AB.unit);
      await sink.replan(AB.unit);
      await sink.replan(AB.unit);
      await refusal(() => sink.replan(OTHER.unit), 'E_FORK');
      same((await sink.lookup(DATASET, LINEAGE, AB.unit.after)).kind, 'delivered', 'the unit');
    },
  },
];

const PLANS: readonly SinkCase[] = [
  {
    name: 'a unit nobody announced is not known',
    run: async (make) => {
      const { sink } = await claimed(make);
      same((await sink.lookup(DATASET, LINEAGE, toSeq(0))).kind, 'none', 'lookup');
    },
  },
  {
    name: 'announcing twice, from any process, answers the same plan and puts one',
    run: async (make) => {
      const first = await claimed(make);
      const second = await claimed(make);
      const before = new Set(await first.list());
      for (const { sink } of [first, first, second]) {
        const found = await sink.announce(AB.unit);
        invariant(found.kind === 'planned' && sameUnit(found.unit, AB.unit), 'the same plan');
      }
      const added = (await first.list()).filter((key) => !before.has(key));
      same(added.length, 1, 'objects put by three announcements');
    },
  },
  {
    name: 'another plan for the same start is answered, never replaced',
    run: async (make) => {
      const first = await claimed(make);
      const second = await claimed(make);
      await first.sink.announce(AB.unit);
      const found = await second.sink.announce(OTHER.unit);
      invariant(
        found.kind === 'planned' && sameUnit(found.unit, AB.unit),
        'the plan that was first',
      );
      const kept = await first.sink.lookup(DATASET, LINEAGE, toSeq(0));
      invariant(kept.kind === 'planned' && sameUnit(kept.unit, AB.unit), 'the plan stays');
    },
  },
  {
    name: 'of two plans announced at once one stands, and both are told which',
    run: async (make) => {
      const [first, second] = [await claimed(make), await claimed(make)];
      const answers = await Promise.all([
        first.sink.announce(AB.unit),
        second.sink.announce(OTHER.unit),
      ]);
      const [left, right] = answers;
      invariant(left.kind === 'planned' && right.kind === 'planned', 'both are planned');
      invariant(sameUnit(left.unit, right.unit), 'both are told the same plan');
    },
  },
];

const PARTS: readonly SinkCase[] = [
  {
    name: 'nothing is seen under a final name before it is whole',
    run: async (make) => {
      const made = await claimed(make);
      await made.sink.announce(AB.unit);
      const before = await made.list();
      const writer = await made.sink.staging.create(DATASET, AB.unit.after, 0);
      await writer.write(Buffer.from('alp'));
      same(await made.list(), before, 'names while a part is written');
      await writer.write(Buffer.from('ha\n'));
      const staged = await writer.finish();
      same(await made.list(), before, 'names while a part is staged');
      same((await made.sink.deliver(AB.unit, 0, staged)).kind, 'accepted', 'delivery');
      const found = await made.read(defined(AB.unit.parts[0], 'part').key);
      same(found && Buffer.from(found).toString(), 'alpha\n', 'the object');
    },
  },
  {
    name: 'a part delivered again is a duplicate, with and without its staged bytes',
    run: async (make) => {
      const made = await claimed(make);
      await made.sink.announce(AB.unit);
      same(await deliverAll(made.sink, AB), ['accepted', 'accepted'], 'first');
      const before = await made.list();
      same(await deliverAll(made.sink, AB), ['duplicate', 'duplicate'], 'again');
      const other = await claimed(make);
      same((await other.sink.deliver(AB.unit, 1, undefined)).kind, 'duplicate', 'without bytes');
      same(await made.list(), before, 'names');
      await wholeParts(made, AB);
    },
  },
  {
    name: 'of two processes that deliver one part one is accepted, the other a duplicate',
    run: async (make) => {
      const [first, second] = [await claimed(make), await claimed(make)];
      await first.sink.announce(AB.unit);
      const kinds = await Promise.all(
        [first, second].map(async ({ sink }) => {
          const staged = await stagePart(sink, AB, 0);
          return (await sink.deliver(AB.unit, 0, staged)).kind;
        }),
      );
      // The loser's staged file may be the winner's own: then it is used up, and said to be there.
      same(kinds.sort(), ['accepted', 'duplicate'], 'deliveries');
    },
  },
  {
    name: 'other bytes under the name of a part are a fork, and stay',
    run: async (make) => {
      const [first, second] = [await claimed(make), await claimed(make)];
      await first.sink.announce(AB.unit);
      await deliverAll(first.sink, AB);
      const staged = await stagePart(second.sink, OTHER, 0);
      same((await second.sink.deliver(OTHER.unit, 0, staged)).kind, 'fork', 'same size');
      const longer = sampleUnit(['much longer\n', 'b']);
      const more = await stagePart(second.sink, longer, 0);
      same((await second.sink.deliver(longer.unit, 0, more)).kind, 'fork', 'another size');
      same((await second.sink.deliver(OTHER.unit, 0, undefined)).kind, 'fork', 'without bytes');
      await wholeParts(first, AB);
    },
  },
  {
    name: 'a part that is nowhere is missing, and can be delivered then',
    run: async (make) => {
      const { sink } = await claimed(make);
      await sink.announce(AB.unit);
      same((await sink.deliver(AB.unit, 0, undefined)).kind, 'missing', 'without bytes');
      same(await deliverAll(sink, AB), ['accepted', 'accepted'], 'with bytes');
    },
  },
  {
    name: 'a key of another unit is never written',
    run: async (make) => {
      const made = await claimed(make);
      const before = await made.list();
      const first = defined(AB.unit.parts[0], 'part');
      for (const key of ['../outside', '_hyp-owner.json', `x/${first.key}`]) {
        const unit = { ...AB.unit, parts: [{ ...first, key }] };
        const staged = await stagePart(made.sink, AB, 0);
        await refusal(() => made.sink.announce(unit), 'E_INTERNAL');
        await refusal(() => made.sink.deliver(unit, 0, staged), 'E_INTERNAL');
      }
      same(await made.list(), before, 'names');
    },
  },
];

const COMPLETION: readonly SinkCase[] = [
  {
    name: 'a unit is delivered once it is complete, for every process',
    run: async (make) => {
      const made = await claimed(make);
      await made.sink.announce(AB.unit);
      await deliverAll(made.sink, AB);
      await made.sink.complete(AB.unit);
      const before = await made.list();
      await made.sink.complete(AB.unit);
      const other = await claimed(make);
      await other.sink.complete(AB.unit);
      for (const found of [
        await other.sink.lookup(DATASET, LINEAGE, toSeq(0)),
        await other.sink.announce(AB.unit),
        await other.sink.announce(OTHER.unit),
      ]) {
        invariant(found.kind === 'delivered' && sameUnit(found.unit, AB.unit), 'delivered');
      }
      same(await made.list(), before, 'names');
      await wholeParts(made, AB);
    },
  },
  {
    name: 'a unit is not complete while a part is missing',
    run: async (make) => {
      const made = await claimed(make);
      await made.sink.announce(AB.unit);
      await made.sink.deliver(AB.unit, 0, await stagePart(made.sink, AB, 0));
      await refusal(() => made.sink.complete(AB.unit), 'E_UNAVAILABLE');
      same((await made.sink.lookup(DATASET, LINEAGE, toSeq(0))).kind, 'planned', 'lookup');
    },
  },
  {
    name: 'another unit that is complete already is a fork, and stays',
    run: async (make) => {
      const made = await claimed(make);
      await made.sink.announce(AB.unit);
      await deliverAll(made.sink, AB);
      await made.sink.complete(AB.unit);
      await refusal(() => made.sink.complete(OTHER.unit), 'E_FORK');
      const found = await made.sink.lookup(DATASET, LINEAGE, toSeq(0));
      invariant(found.kind === 'delivered' && sameUnit(found.unit, AB.unit), 'the first stays');
    },
  },
  {
    name: 'a unit without rows is announced and complete like any other',
    run: async (make) => {
      const { sink } = await claimed(make);
      const empty = { ...sampleUnit([]).unit, through: toSeq(5) };
      same((await sink.announce(empty)).kind, 'planned', 'announce');
      await sink.complete(empty);
      same((await sink.lookup(DATASET, LINEAGE, toSeq(0))).kind, 'delivered', 'lookup');
    },
  },
  {
    name: 'units that follow each other do not touch each other',
    run: async (make) => {
      const made = await claimed(make);
      const next = sampleUnit(['charlie\n'], 2);
      for (const sample of [AB, next]) {
        await made.sink.announce(sample.unit);
        await deliverAll(made.sink, sample);
        await made.sink.complete(sample.unit);
      }
      for (const sample of [AB, next]) {
        const found = await made.sink.lookup(DATASET, LINEAGE, sample.unit.after);
        invariant(found.kind === 'delivered' && sameUnit(found.unit, sample.unit), 'delivered');
        await wholeParts(made, sample);
      }
    },
  },
];

const STAGING: readonly SinkCase[] = [
  {
    name: 'staged bytes are found again by any process, and only those very bytes',
    run: async (make) => {
      const [first, second] = [await claimed(make), await claimed(make)];
      const part = defined(AB.unit.parts[0], 'part');
      const otherPart = defined(OTHER.unit.parts[0], 'part');
      const find = (of: typeof part) => second.sink.staging.find(DATASET, toSeq(0), 0, of);
      same(await find(part), undefined, 'before');
      await stagePart(first.sink, AB, 0);
      same((await find(part))?.sha256, part.sha256, 'after');
      same(await find(otherPart), undefined, 'other bytes');
      same(await find({ ...part, bytes: part.bytes + 1 }), undefined, 'another size');
    },
  },
  {
    name: 'a process that stages other bytes for a part does not change what is delivered',
    run: async (make) => {
      const [first, second] = [await claimed(make), await claimed(make)];
      await first.sink.announce(AB.unit);
      const staged = await stagePart(first.sink, AB, 0);
      await stagePart(second.sink, OTHER, 0);
      same((await first.sink.deliver(AB.unit, 0, staged)).kind, 'accepted', 'delivery');
      const found = await first.read(defined(AB.unit.parts[0], 'part').key);
      same(found && Buffer.from(found).toString(), 'alpha\n', 'the object');
    },
  },
  {
    name: 'clear removes what is staged below a seq and nothing above it, any number of times',
    run: async (make) => {
      const { sink } = await claimed(make);
      const next = sampleUnit(['charlie\n'], 2);
      await stagePart(sink, AB, 0);
      await stagePart(sink, next, 0);
      const find = ({ unit }: SampleUnit) =>
        sink.staging.find(DATASET, unit.after, 0, defined(unit.parts[0], 'part'));
      await sink.staging.clear(toDatasetName('other'), toSeq(99));
      same((await find(AB)) !== undefined, true, 'another dataset was cleared');
      await sink.staging.clear(DATASET, AB.unit.through);
      await sink.staging.clear(DATASET, AB.unit.through);
      same(await find(AB), undefined, 'at or below');
      same((await find(next)) !== undefined, true, 'above');
    },
  },
  {
    name: 'an abandoned part leaves nothing to find',
    run: async (make) => {
      const { sink } = await claimed(make);
      const writer = await sink.staging.create(DATASET, toSeq(0), 0);
      await writer.write(defined(AB.bytes[0], 'bytes'));
      await writer.abandon();
      const part = defined(AB.unit.parts[0], 'part');
      same(await sink.staging.find(DATASET, toSeq(0), 0, part), undefined, 'staged');
    },
  },
];

/** Every promise of `Sink`, one case each. */
export const SINK_CONTRACT: readonly SinkCase[] = [
  ...OWNERSHIP,
  ...PLANS,
  ...PARTS,
  ...COMPLETION,
  ...STAGING,
];
