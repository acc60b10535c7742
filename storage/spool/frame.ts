/**
 * Owns: the bytes of a spool segment: one header, then frames. Pure; no disk.
 *
 * | segment header, 64 bytes | | frame head, 36 bytes + dataset | |
 * |  0 | magic `hypspool` |  0 | magic f5 'hyp' (f5 never occurs in UTF-8) |
 * |  8 | format u16 |  4 | payload length u32, > 0 |
 * | 10 | header length u16 |  8 | ordinal u64 |
 * | 12 | segment number u32 | 16 | rows u32 |
 * | 16 | writer id, 16 bytes | 20 | group start u32: bytes before it were synced first |
 * | 32 | first ordinal u64 | 24 | CRC-32 of the payload |
 * | 40 | zeros | 28 | length of the dataset name u8, three zeros |
 * | 60 | CRC-32 of 0 … 60 | 32 | CRC-32 of the place, 0 … 32 and the dataset name |
 *
 * Integers are little-endian. The place is writer id, segment number and byte position, so a frame
 * is valid where it was written and nowhere else; its ordinal is under the same sum (I12). The
 * header's size, format field and CRC keep their places in every later format.
 *
 * A mark is a head without dataset and payload. A writer with nothing else to do puts one behind a
 * group once that is synced. Every head proves that the bytes before its group start were synced:
 * bad bytes below a proof are corruption, bad bytes above every proof are an incomplete tail.
 * llp/0007
 */
import { checksum } from '../../src/core/digest.ts';
import { HypError } from '../../src/core/errors.ts';
import { toDatasetName } from '../../src/core/ids.ts';
import type { DatasetName, WriterId } from '../../src/core/ids.ts';
import { invariant } from '../../src/core/invariant.ts';

export const SEGMENT_FORMAT = 1;
export const SEGMENT_HEADER_BYTES = 64;
/** Largest head: the fixed part and the longest dataset name. */
export const FRAME_HEAD_BYTES = 36 + 63;

const SEGMENT_MAGIC = Buffer.from('hypspool', 'latin1');
export const FRAME_MAGIC = Buffer.from([0xf5, 0x68, 0x79, 0x70]);
const FIXED_HEAD_BYTES = 36;
const HEAD_CRC_AT = 32;
const HEADER_CRC_AT = 60;

/** What a frame's sum is bound to besides its position and its ordinal. */
export interface Place {
  readonly writer: WriterId;
  readonly segment: number;
}

/** What the writer puts in. */
export interface FrameContent {
  readonly dataset: DatasetName;
  readonly rows: number;
  readonly payload: Uint8Array;
}

/** All of a frame but its payload; positions are bytes from the start of the segment. */
export interface FrameHead {
  readonly kind: 'frame';
  readonly position: number;
  readonly ordinal: bigint;
  readonly dataset: DatasetName;
  readonly rows: number;
  readonly groupStart: number;
  readonly payloadSum: number;
  readonly payloadPosition: number;
  /** Position of the byte behind the frame. */
  readonly end: number;
}

export interface Mark {
  readonly kind: 'mark';
  readonly position: number;
  readonly groupStart: number;
  readonly end: number;
}

export type Head = FrameHead | Mark;

function writerBytes(writer: WriterId): Buffer {
  return Buffer.from(writer.replaceAll('-', ''), 'hex');
}

export function encodeSegmentHeader(place: Place, firstOrdinal: bigint): Uint8Array {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes);
  bytes.writeUInt16LE(SEGMENT_FORMAT, 8);
  bytes.writeUInt16LE(SEGMENT_HEADER_BYTES, 10);
  bytes.writeUInt32LE(place.segment, 12);
  writerBytes(place.writer).copy(bytes, 16);
  bytes.writeBigUInt64LE(firstOrdinal, 32);
  bytes.writeUInt32LE(checksum(bytes.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  return bytes;
}

/**
 * First ordinal of the segment, or undefined when the header is not whole. E_UNSUPPORTED_FORMAT
 * (naming `path`) when it is whole and of a format this build does not know.
 */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  place: Place,
  path: string,
): bigint | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES);
  if (!head.subarray(0, SEGMENT_MAGIC.length).equals(SEGMENT_MAGIC)) return undefined;
  if (head.readUInt32LE(HEADER_CRC_AT) !== checksum(head.subarray(0, HEADER_CRC_AT))) {
    return undefined;
  }
  const format = head.readUInt16LE(8);
  if (format !== SEGMENT_FORMAT) {
    throw new HypError('E_UNSUPPORTED_FORMAT', `spool segment ${path} has format ${format}`, {
      hint: `This hyp knows format ${SEGMENT_FORMAT}: use the hyp that wrote it, or a newer one.`,
      details: { path, format },
    });
  }
  const same =
    head.readUInt32LE(12) === place.segment &&
    head.subarray(16, 32).equals(writerBytes(place.writer));
  return same ? head.readBigUInt64LE(32) : undefined;
}

/** CRC of the place; the head's own bytes are added to it. */
function placeSum(place: Place, position: number): number {
  const bytes = Buffer.allocUnsafe(24);
  writerBytes(place.writer).copy(bytes);
  bytes.writeUInt32LE(place.segment, 16);
  bytes.writeUInt32LE(position, 20);
  return checksum(bytes);
}

export function frameBytes(frame: FrameContent): number {
  return FIXED_HEAD_BYTES + frame.dataset.length + frame.payload.length;
}

/**
 * The bytes of one group: frames with ordinals from `first`, to be written at `groupStart` in one
 * go. Every byte before `groupStart` must be synced by then.
 */
export function encodeGroup(
  place: Place,
  groupStart: number,
  first: bigint,
  frames: readonly FrameContent[],
): Uint8Array {
  const total = frames.reduce((sum, frame) => sum + frameBytes(frame), 0);
  const bytes = Buffer.allocUnsafeSlow(total);
  let at = 0;
  let ordinal = first;
  for (const frame of frames) {
    invariant(frame.payload.length > 0, 'a frame has a payload');
    const payloadAt = putHead(bytes, at, place, { ...frame, groupStart, ordinal });
    bytes.set(frame.payload, payloadAt);
    at = payloadAt + frame.payload.length;
    ordinal += 1n;
  }
  return bytes;
}

/** The bytes of a mark to be written at `position`; every byte before it must be synced by then. */
export function encodeMark(place: Place, position: number): Uint8Array {
  const bytes = Buffer.alloc(FIXED_HEAD_BYTES);
  const nothing = { dataset: '', rows: 0, payload: new Uint8Array(0) };
  putHead(bytes, 0, place, { ...nothing, groupStart: position, ordinal: 0n });
  return bytes;
}

interface HeadContent {
  readonly dataset: string;
  readonly rows: number;
  readonly payload: Uint8Array;
  readonly ordinal: bigint;
  readonly groupStart: number;
}

/** Puts a head at `at` of a group that starts with byte 0; answers where its payload goes. */
function putHead(bytes: Buffer, at: number, place: Place, head: HeadContent): number {
  bytes.fill(0, at, at + FIXED_HEAD_BYTES);
  FRAME_MAGIC.copy(bytes, at);
  bytes.writeUInt32LE(head.payload.length, at + 4);
  bytes.writeBigUInt64LE(head.ordinal, at + 8);
  bytes.writeUInt32LE(head.rows, at + 16);
  bytes.writeUInt32LE(head.groupStart, at + 20);
  bytes.writeUInt32LE(checksum(head.payload), at + 24);
  bytes.writeUInt8(head.dataset.length, at + 28);
  const name = at + FIXED_HEAD_BYTES;
  const payloadAt = name + head.dataset.length;
  bytes.write(head.dataset, name, 'latin1');
  const sum = headSum(bytes.subarray(at, payloadAt), place, head.groupStart + at);
  bytes.writeUInt32LE(sum, at + HEAD_CRC_AT);
  return payloadAt;
}

/** CRC of a head (fixed part and name), bound to where it stands. */
function headSum(head: Uint8Array, place: Place, position: number): number {
  const fixed = checksum(head.subarray(0, HEAD_CRC_AT), placeSum(place, position));
  return checksum(head.subarray(FIXED_HEAD_BYTES), fixed);
}

/**
 * The head at `bytes[at]`, which is byte `position` of the segment. undefined when there is no
 * valid one, or not all of it. Pass at least FRAME_HEAD_BYTES unless the segment ends before.
 */
export function decodeHead(
  bytes: Uint8Array,
  at: number,
  place: Place,
  position: number,
): Head | undefined {
  if (bytes.length - at < FIXED_HEAD_BYTES) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  if (!view.subarray(0, FRAME_MAGIC.length).equals(FRAME_MAGIC)) return undefined;
  const payloadLength = view.readUInt32LE(4);
  const nameLength = view.readUInt8(28);
  const headLength = FIXED_HEAD_BYTES + nameLength;
  if (view.length < headLength) return undefined;
  if (view.readUInt32LE(HEAD_CRC_AT) !== headSum(view.subarray(0, headLength), place, position)) {
    return undefined;
  }
  const groupStart = view.readUInt32LE(20);
  const payloadPosition = position + headLength;
  if (payloadLength === 0) return { kind: 'mark', position, groupStart, end: payloadPosition };
  return {
    kind: 'frame',
    position,
    ordinal: view.readBigUInt64LE(8),
    dataset: toDatasetName(view.toString('latin1', FIXED_HEAD_BYTES, headLength)),
    rows: view.readUInt32LE(16),
    groupStart,
    payloadSum: view.readUInt32LE(24),
    payloadPosition,
    end: payloadPosition + payloadLength,
  };
}
