/**
 * Owns: checksums and digests of bytes, and the seal: a file that carries the digest of itself.
 * The content digest of rows is not here (src/codec/content-digest).
 * llp/0002
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { HypError } from './errors.ts';

const SEAL = 'hyp-sha256:';
const SEAL_BYTES = Buffer.from(SEAL, 'latin1');
const HEX_LENGTH = 64;
const ZEROS = '0'.repeat(HEX_LENGTH);

/** Place it once in a text before `sealBytes`; it is replaced by the digest of the whole. */
export const SEAL_PLACEHOLDER = SEAL + ZEROS;

/** SHA-256 in 64 lower-case hex digits. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** CRC-32 (IEEE) of `bytes`, continued from `seed`. `crc32("")` is 0, so lengths are checked apart. */
export function checksum(bytes: Uint8Array, seed = 0): number {
  return crc32(bytes, seed);
}

function sealDigest(bytes: Uint8Array, at: number): string {
  return createHash('sha256')
    .update(bytes.subarray(0, at))
    .update(ZEROS)
    .update(bytes.subarray(at + HEX_LENGTH))
    .digest('hex');
}

function sealPosition(bytes: Uint8Array): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.indexOf(SEAL_BYTES);
  return found < 0 || found + SEAL_BYTES.length + HEX_LENGTH > bytes.length
    ? -1
    : found + SEAL_BYTES.length;
}

/**
 * Writes the SHA-256 of `bytes` over their first placeholder, in place, and returns them.
 * The placeholder must come before anything a user could have written.
 */
export function sealBytes(bytes: Uint8Array): Uint8Array {
  const at = sealPosition(bytes);
  if (at < 0) throw new HypError('E_INTERNAL', 'no seal placeholder in the bytes to seal');
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).write(
    sealDigest(bytes, at),
    at,
    'latin1',
  );
  return bytes;
}

/** 'unsealed' when there is no seal at all (a file of another program), 'broken' when it is wrong. */
export function checkSeal(bytes: Uint8Array): 'whole' | 'broken' | 'unsealed' {
  const at = sealPosition(bytes);
  if (at < 0) return 'unsealed';
  const stated = Buffer.from(bytes.buffer, bytes.byteOffset + at, HEX_LENGTH).toString('latin1');
  return stated === sealDigest(bytes, at) ? 'whole' : 'broken';
}
