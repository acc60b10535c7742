/**
 * Owns: randomness as a port: ids and jitter. A test passes a seeded one.
 * llp/0002
 */
import { randomBytes, randomUUID } from 'node:crypto';

export interface Random {
  /** A lower-case uuid, version 4. */
  uuid(): string;
  /** Uniform in [0, 1): for jitter only. */
  fraction(): number;
  /** A positive 63-bit id, as Iceberg wants for snapshots. */
  id63(): bigint;
}

/**
 * A uuid of version 7 (RFC 9562): the first 48 bits are milliseconds, so that ids sort about as
 * they were made. Only for an order that is pleasant; clocks of two processes may disagree.
 */
export function timeUuid(random: Random, nowMs: number): string {
  const time = Math.max(0, Math.trunc(nowMs)).toString(16).padStart(12, '0').slice(-12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.uuid().slice(15)}`;
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
  id63: () => (randomBytes(8).readBigUInt64BE() & (2n ** 63n - 1n)) | 1n,
};
