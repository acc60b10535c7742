/**
 * Owns: the bytes of a plan, of a unit manifest and of an owner file. Pure functions of what they
 * say, with no attempt's clock in them: two processes that mean the same write the same bytes.
 * Invariant I12: sealed by a digest of itself; damage is E_CORRUPT, never another unit.
 * llp/0009
 */
import { z } from 'zod';
import { SEAL_PLACEHOLDER, checkSeal, sealBytes } from '../../src/core/digest.ts';
import { HypError } from '../../src/core/errors.ts';
import { unitFromJson, unitToJson } from '../../src/core/unit.ts';
import type { Unit } from '../../src/core/unit.ts';

const FORMAT = 1;

/** `plan`: its parts may be there. `unit`: its parts are there. */
export type UnitFileKind = 'plan' | 'unit';

const envelope = z.object({ hyp: z.string(), format: z.number() });
const unitFile = z.object({ unit: z.unknown() });
const ownerFile = z.object({ owner: z.string() });

function encode(kind: string, body: Readonly<Record<string, unknown>>): Uint8Array {
  const head = { hyp: kind, format: FORMAT, seal: SEAL_PLACEHOLDER };
  return sealBytes(Buffer.from(`${JSON.stringify({ ...head, ...body }, undefined, 1)}\n`));
}

function decode(kind: string, bytes: Uint8Array, what: string): unknown {
  if (checkSeal(bytes) !== 'whole') throw damaged(kind, what);
  const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
  const head = envelope.safeParse(value);
  if (head.data?.hyp !== kind) throw damaged(kind, what);
  if (head.data.format > FORMAT) {
    throw new HypError('E_UNSUPPORTED_FORMAT', `${what} has format ${head.data.format}`, {
      hint: `This hyp knows format ${FORMAT}: use the hyp that wrote it, or a newer one.`,
    });
  }
  return value;
}

/** The file of a unit; `what` in errors is its place. */
export function encodeUnitFile(kind: UnitFileKind, unit: Unit): Uint8Array {
  return encode(kind, { unit: unitToJson(unit) });
}

/** E_CORRUPT when the bytes are not those of a whole file of this kind. */
export function decodeUnitFile(kind: UnitFileKind, bytes: Uint8Array, what: string): Unit {
  const value = decode(kind, bytes, what);
  try {
    return unitFromJson(unitFile.parse(value).unit);
  } catch (cause) {
    throw damaged(kind, what, cause);
  }
}

export function encodeOwner(owner: string): Uint8Array {
  return encode('owner', { owner });
}

/** E_CORRUPT when the bytes are not those of a whole owner file. */
export function decodeOwner(bytes: Uint8Array, what: string): string {
  const owner = ownerFile.safeParse(decode('owner', bytes, what));
  if (!owner.success) throw damaged('owner', what, owner.error);
  return owner.data.owner;
}

function damaged(kind: string, what: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `${kind} file is damaged: ${what}`, {
    cause,
    hint: 'Nothing was delivered. Keep the file and restore it from a copy; never delete it.',
    details: { what },
  });
}
