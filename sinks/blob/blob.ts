/**
 * Owns: the protocol of units at a destination of objects, over any BlobStore.
 * Invariants: I7 (no part without its plan), I8 (one plan for each start, for ever), I10 (other
 * bytes or another plan are answered, never replaced).
 *
 * | step | a crash right after leaves | the next attempt |
 * | 1 announce: plan put if absent | the plan | finds its own plan and goes on |
 * | 2 deliver: part put if absent | the part | 'duplicate' |
 * | 3 complete: manifest put if absent | the unit, delivered | 'delivered' |
 *
 * Not its job: what a unit is made of, what to do with another plan (engine), where bytes are
 * (BlobStore).
 * llp/0009
 */
import { HypError } from '../../src/core/errors.ts';
import { lineageShort } from '../../src/core/ids.ts';
import type { DatasetName, Lineage, Seq, SinkName } from '../../src/core/ids.ts';
import { defined, invariant } from '../../src/core/invariant.ts';
import { sameUnit } from '../../src/core/unit.ts';
import type { Part, Unit } from '../../src/core/unit.ts';
import type { Delivery, Lookup, Sink, StagedPart, Staging } from '../sink.ts';
import { manifestKey, ownerKey, parseObjectKey, planKey } from './object-key.ts';
import type { BlobStore } from './store.ts';
import { decodeOwner, decodeUnitFile, encodeOwner, encodeUnitFile } from './unit-manifest.ts';
import type { UnitFileKind } from './unit-manifest.ts';

/** An object that was there a moment ago and is gone was moved by a reader, or by a person. */
const VANISHED_RETRY_MS = 1000;

export interface BlobSinkOptions {
  readonly name: SinkName;
  readonly instance: SinkName;
  readonly type: Sink['type'];
  readonly destination: string;
  /** As `toKeyPrefix` gives it. */
  readonly prefix: string;
  readonly store: BlobStore;
  readonly staging: Staging;
}

/** A sink over `store`. Nothing is read or written before `claim`. */
export function createBlobSink(options: BlobSinkOptions): Sink {
  const { name, instance, type, destination, prefix, store, staging } = options;
  const place: Place = { name, instance, prefix, store };
  return {
    name,
    instance,
    type,
    destination,
    staging,
    claim: (owner, known) => claim({ place, destination, owner }, known),
    stands: (owner, receipt) => stands({ place, destination, owner }, receipt),
    lookup: (dataset, lineage, after) => lookup(place, { dataset, lineage, after }),
    announce: (unit) => announce(place, unit),
    deliver: (unit, index, staged) => deliver(place, unit, index, staged),
    complete: (unit) => complete(place, unit),
    close: (unit) => close(place, unit),
    replan: (unit) => replan(place, unit),
  };
}

interface Place {
  readonly name: SinkName;
  readonly instance: SinkName;
  readonly prefix: string;
  readonly store: BlobStore;
}

/** What names a unit at the destination. */
interface UnitStart {
  readonly dataset: DatasetName;
  readonly lineage: Lineage;
  readonly after: Seq;
}

interface Claim {
  readonly place: Place;
  readonly destination: string;
  readonly owner: string;
}

async function claim(claimed: Claim, known: 'known' | undefined): Promise<void> {
  const { store, prefix } = claimed.place;
  const key = ownerKey(prefix);
  if (known !== undefined && (await store.peek(key)) === undefined) throw emptied(claimed, key);
  await store.prepare();
  if ((await store.putIfAbsent(key, encodeOwner(claimed.owner))) === 'created') return;
  assertOwner(claimed, defined(await store.read(key), `the owner file stays: ${key}`));
}

async function stands(claimed: Claim, receipt: Unit | undefined): Promise<void> {
  const { place } = claimed;
  const key = ownerKey(place.prefix);
  const bytes = await place.store.peek(key);
  if (bytes === undefined) throw emptied(claimed, key);
  assertOwner(claimed, bytes);
  if (receipt === undefined) return;
  const manifest = keyOf(place, 'unit', receipt);
  if ((await place.store.sizeOf(manifest)) === undefined) throw emptied(claimed, manifest);
}

function assertOwner({ place, destination, owner }: Claim, bytes: Uint8Array): void {
  const file = `${place.store.place}/${ownerKey(place.prefix)}`;
  const found = decodeOwner(bytes, file);
  if (found === owner) return;
  throw new HypError(
    'E_FORK',
    `${destination} belongs to ${found}; sink ${place.name} is ${owner}`,
    {
      hint: `Give sink ${place.name} a path or prefix of its own. If ${found} is gone for good, remove ${file} and run again.`,
      details: { destination, found, owner },
    },
  );
}

/** What was delivered has left its mark there; without it this is another place, or an emptied one. */
function emptied({ place, destination }: Claim, key: string): HypError {
  const { name, store } = place;
  return new HypError(
    'E_PARKED',
    `${destination} has no ${key}, but sink ${name} has delivered there: it is not mounted, or was emptied`,
    {
      hint: `Nothing was sent. Mount or restore ${store.place}: the sink goes on by itself. If what it held was taken away on purpose, \`hyp sink resolve ${name} --delivered\`; to send everything again, \`hyp sink resolve ${name} --again\`.`,
      details: { destination, key },
    },
  );
}

function keyOf(place: Place, kind: UnitFileKind, start: UnitStart): string {
  const { dataset, lineage, after } = start;
  const name = { prefix: place.prefix, dataset, instance: place.instance, lineage, after };
  return kind === 'plan' ? planKey(name) : manifestKey(name);
}

async function readUnit(
  place: Place,
  kind: UnitFileKind,
  start: UnitStart,
): Promise<Unit | undefined> {
  const key = keyOf(place, kind, start);
  const bytes = await place.store.read(key);
  if (bytes === undefined) return undefined;
  const what = `${place.store.place}/${key}`;
  const unit = decodeUnitFile(kind, bytes, what);
  if (unit.dataset !== start.dataset || unit.after !== start.after || !keysFit(place, unit)) {
    throw new HypError('E_CORRUPT', `${kind} file is of another unit than its name says: ${what}`, {
      hint: 'Somebody copied or renamed it. Put the right file back; never delete it.',
      details: { what },
    });
  }
  return unit;
}

/** The manifest is asked for first: it is put last. */
async function lookup(place: Place, start: UnitStart): Promise<Lookup> {
  const delivered = await readUnit(place, 'unit', start);
  if (delivered !== undefined) return { kind: 'delivered', unit: delivered };
  const planned = await readUnit(place, 'plan', start);
  return planned === undefined ? { kind: 'none' } : { kind: 'planned', unit: planned };
}

async function announce(place: Place, unit: Unit): Promise<Lookup> {
  invariant(keysFit(place, unit), `keys of unit ${unitText(unit)} are its own`);
  const delivered = await readUnit(place, 'unit', unit);
  if (delivered !== undefined) return { kind: 'delivered', unit: delivered };
  const plan = encodeUnitFile('plan', unit);
  const outcome = await place.store.putIfAbsent(keyOf(place, 'plan', unit), plan);
  // An older plan may have been carried out, and its objects moved, since the first look.
  return outcome === 'created' ? { kind: 'planned', unit } : lookup(place, unit);
}

async function deliver(
  place: Place,
  unit: Unit,
  index: number,
  staged: StagedPart | undefined,
): Promise<Delivery> {
  const part = defined(unit.parts[index], `part ${index} is in unit ${unitText(unit)}`);
  invariant(keyFits(place, unit, part), `key is of its unit: ${part.key}`);
  if (staged === undefined) {
    return (await compare(place, part)) ?? { kind: 'missing' };
  }
  invariant(
    staged.bytes === part.bytes && staged.sha256 === part.sha256,
    `staged bytes are those of the intent: ${part.key}`,
  );
  if ((await place.store.putIfAbsent(part.key, staged)) === 'created') return { kind: 'accepted' };
  const reason = `object came and went: ${part.key}`;
  return (await compare(place, part)) ?? { kind: 'retry', afterMs: VANISHED_RETRY_MS, reason };
}

/** What the object under the part's key is to the part; undefined when there is none. */
async function compare({ store }: Place, part: Part): Promise<Delivery | undefined> {
  const bytes = await store.sizeOf(part.key);
  if (bytes === undefined) return undefined;
  if (bytes !== part.bytes) return otherBytes(store, part, `${bytes} bytes`);
  const found = await store.digestOf(part.key);
  if (found === undefined) return undefined;
  if (found.sha256 === part.sha256) return { kind: 'duplicate' };
  return otherBytes(store, part, `sha256 ${found.sha256}`);
}

function otherBytes(store: BlobStore, part: Part, found: string): Delivery {
  const expected = `${part.bytes} bytes, sha256 ${part.sha256}`;
  const reason = `${store.place}/${part.key} has ${found}; the plan says ${expected}`;
  return { kind: 'fork', reason };
}

async function complete(place: Place, unit: Unit): Promise<void> {
  const { store } = place;
  invariant(keysFit(place, unit), `keys of unit ${unitText(unit)} are its own`);
  if (await completed(place, unit)) return;
  for (const part of unit.parts) {
    if ((await store.sizeOf(part.key)) === part.bytes) continue;
    // A reader may move objects away as soon as another process has put the manifest.
    if (await completed(place, unit)) return;
    throw new HypError('E_UNAVAILABLE', `part is not there: ${store.place}/${part.key}`, {
      hint: 'It was removed before the unit was complete; the next attempt delivers it again.',
      details: { key: part.key },
    });
  }
  const manifest = encodeUnitFile('unit', unit);
  const outcome = await store.putIfAbsent(keyOf(place, 'unit', unit), manifest);
  if (outcome === 'exists') await completed(place, unit);
}

async function close(place: Place, unit: Unit): Promise<void> {
  const manifest = encodeUnitFile('unit', unit);
  const outcome = await place.store.putIfAbsent(keyOf(place, 'unit', unit), manifest);
  if (outcome === 'exists') await completed(place, unit);
}

async function replan(place: Place, unit: Unit): Promise<void> {
  invariant(keysFit(place, unit), `keys of unit ${unitText(unit)} are its own`);
  const plan = encodeUnitFile('plan', unit);
  if ((await place.store.putIfAbsent(keyOf(place, 'plan', unit), plan)) === 'created') return;
  const found = await readUnit(place, 'plan', unit);
  if (found !== undefined && !sameUnit(found, unit)) throw otherUnit(place, found, unit);
}

/** True when the unit's own manifest is there; E_FORK when it is another unit's. */
async function completed(place: Place, unit: Unit): Promise<boolean> {
  const found = await readUnit(place, 'unit', unit);
  if (found === undefined) return false;
  if (sameUnit(found, unit)) return true;
  throw otherUnit(place, found, unit);
}

function otherUnit(place: Place, found: Unit, unit: Unit): HypError {
  return new HypError(
    'E_FORK',
    `${place.store.place} has another unit ${unitText(found)} where ${unitText(unit)} was to be completed`,
    {
      hint: `Another store delivers as sink ${place.name}, or this one went back: see \`hyp verify ${place.name}\`.`,
      details: { key: keyOf(place, 'unit', unit) },
    },
  );
}

function keysFit(place: Place, unit: Unit): boolean {
  return unit.parts.every((part) => keyFits(place, unit, part));
}

/** A key of an intent or of a plan read back could have been damaged or made by other options. */
function keyFits(place: Place, unit: Unit, part: Part): boolean {
  const key = parseObjectKey(place.prefix, part.key);
  return (
    key?.dataset === unit.dataset &&
    key.lineageShort === lineageShort(unit.lineage) &&
    key.after === unit.after &&
    key.through === unit.through
  );
}

function unitText(unit: Unit): string {
  return `${unit.dataset} (${unit.after}, ${unit.through}]`;
}
