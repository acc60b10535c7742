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

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
  id63: () => (randomBytes(8).readBigUInt64BE() & (2n ** 63n - 1n)) | 1n,
};
