/**
 * Owns: reading one segment: its heads in order, a payload, what a bad place in it means, and an
 * index of it that costs only the bytes that came since.
 * Invariant: I12: bad bytes are an incomplete tail only above everything a head proves was synced.
 * Not its job: which frames count (the writer's end), what a gap between segments means (reader).
 * llp/0007
 */
import { checksum } from '../../src/core/digest.ts';
import type { DurableFs, ReadHandle } from '../../src/core/durable-fs.ts';
import { HypError } from '../../src/core/errors.ts';
import type { DatasetName } from '../../src/core/ids.ts';
import {
  FRAME_HEAD_BYTES,
  FRAME_MAGIC,
  SEGMENT_HEADER_BYTES,
  decodeHead,
  decodeSegmentHeader,
} from './frame.ts';
import type { FrameHead, Head, Place } from './frame.ts';

export interface SegmentFile extends Place {
  readonly path: string;
}

/** Frames of one dataset in a stretch of a segment. */
export interface Tally {
  readonly first: bigint;
  readonly last: bigint;
  readonly frames: number;
  readonly rows: number;
  /** As stored, heads included. */
  readonly bytes: number;
}

/** A stretch of whole frames, about BLOCK_BYTES long, so that a part of one is soon read again. */
export interface Block {
  readonly start: number;
  end: number;
  readonly tallies: Map<DatasetName, Tally>;
}

/** What the heads of a segment say, as far as it was read. */
export interface SegmentIndex {
  /** undefined: the header is not whole. */
  readonly firstOrdinal: bigint | undefined;
  /** The ordinal a frame at `parsed` would have; firstOrdinal when there is no frame. */
  nextOrdinal: bigint;
  /** Bytes of whole frames and marks; a tail of another nature follows when it is below `size`. */
  parsed: number;
  size: number;
  /** The bytes before it were synced, as a head in `parsed` proves. */
  proven: number;
  readonly blocks: Block[];
}

/** What of a handle the walk through a segment needs. */
export type SegmentReads = Pick<ReadHandle, 'read'>;

const READ_AHEAD_BYTES = 256 * 1024;
const WINDOW_BYTES = 64 * 1024;
const SCAN_BYTES = 1024 * 1024;
const BLOCK_BYTES = 1024 * 1024;

/** Opens a segment for `use`, whatever comes closed again. */
export async function withSegment<T>(
  fs: DurableFs,
  file: SegmentFile,
  use: (handle: ReadHandle) => Promise<T>,
): Promise<T> {
  const handle = await fs.open(file.path);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Reads of a segment, read ahead: small frames then cost no read of their own. */
export function readAhead(handle: ReadHandle): SegmentReads {
  let window: Uint8Array = new Uint8Array(0);
  let start = 0;
  return {
    read: async (offset, length) => {
      if (length > READ_AHEAD_BYTES) return handle.read(offset, length);
      if (offset < start || offset + length > start + window.length) {
        start = offset;
        window = await handle.read(offset, READ_AHEAD_BYTES);
      }
      // A copy, so that a small payload does not keep the window in memory.
      return window.slice(offset - start, offset - start + length);
    },
  };
}

/** Heads from byte `from` on, in order, up to the first place that is not a whole frame or mark. */
export async function* readHeads(
  handle: SegmentReads,
  place: Place,
  from: number,
  size: number,
): AsyncGenerator<Head> {
  let window: Uint8Array = new Uint8Array(0);
  let start = from;
  let at = from;
  while (at < size) {
    const windowEnd = start + window.length;
    if (at + FRAME_HEAD_BYTES > windowEnd && windowEnd < size) {
      start = at;
      window = await handle.read(at, Math.min(WINDOW_BYTES, size - at));
    }
    const head = decodeHead(window, at - start, place, at);
    if (head === undefined || head.end > size) return;
    yield head;
    at = head.end;
  }
}

/** The payload of a frame, or undefined when it is not what its head says. */
export async function readPayload(
  handle: SegmentReads,
  head: FrameHead,
): Promise<Uint8Array | undefined> {
  const length = head.end - head.payloadPosition;
  const payload = await handle.read(head.payloadPosition, length);
  return payload.length === length && checksum(payload) === head.payloadSum ? payload : undefined;
}

/**
 * What bad bytes at `position` are: 'corrupt' when a head behind them proves that they were synced
 * once, else 'incomplete': a group that was never acknowledged, cut, torn or zero-filled.
 */
export async function judgeBytes(
  handle: ReadHandle,
  place: Place,
  position: number,
  size: number,
): Promise<'incomplete' | 'corrupt'> {
  let from = position + 1;
  while (from < size) {
    const window = await handle.read(from, Math.min(SCAN_BYTES, size - from));
    const bytes = Buffer.from(window.buffer, window.byteOffset, window.length);
    const last = from + bytes.length >= size;
    let at = bytes.indexOf(FRAME_MAGIC);
    for (; at >= 0; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
      if (!last && at + FRAME_HEAD_BYTES > bytes.length) break;
      const head = decodeHead(bytes, at, place, from + at);
      if (head !== undefined && head.groupStart > position) return 'corrupt';
    }
    if (last) break;
    from += at > 0 ? at : bytes.length - FRAME_MAGIC.length + 1;
  }
  return 'incomplete';
}

/**
 * Reads what came to a segment since `known`, into an index of its own: two looks at once must not
 * move each other's place, or the one that saw more bytes takes the frames between for a bad tail.
 */
export async function indexSegment(
  handle: ReadHandle,
  file: SegmentFile,
  known: SegmentIndex | undefined,
): Promise<SegmentIndex> {
  const size = await handle.size();
  let index = known?.firstOrdinal === undefined ? undefined : copyOf(known);
  if (index === undefined) {
    const bytes = await handle.read(0, Math.min(SEGMENT_HEADER_BYTES, size));
    const firstOrdinal = decodeSegmentHeader(bytes, file, file.path);
    const parsed = firstOrdinal === undefined ? 0 : SEGMENT_HEADER_BYTES;
    const nextOrdinal = firstOrdinal ?? 0n;
    index = { firstOrdinal, nextOrdinal, parsed, size, proven: parsed, blocks: [] };
    if (firstOrdinal === undefined) return index;
  }
  for await (const head of readHeads(handle, file, index.parsed, size)) {
    if (head.kind === 'frame') {
      if (head.ordinal !== index.nextOrdinal) break;
      addFrame(index, head);
      index.nextOrdinal += 1n;
    }
    index.proven = Math.max(index.proven, head.groupStart);
    index.parsed = head.end;
  }
  index.size = size;
  return index;
}

/** Only the last block can still grow. */
function copyOf(index: SegmentIndex): SegmentIndex {
  const last = index.blocks.at(-1);
  const blocks = index.blocks.slice(0, -1);
  if (last !== undefined) blocks.push({ ...last, tallies: new Map(last.tallies) });
  return { ...index, blocks };
}

function addFrame(index: SegmentIndex, head: FrameHead): void {
  let block = index.blocks.at(-1);
  if (block === undefined || head.position - block.start >= BLOCK_BYTES) {
    block = { start: head.position, end: head.position, tallies: new Map() };
    index.blocks.push(block);
  }
  block.end = head.end;
  block.tallies.set(head.dataset, plusFrame(block.tallies.get(head.dataset), head));
}

export function plusFrame(tally: Tally | undefined, head: FrameHead): Tally {
  return {
    first: tally?.first ?? head.ordinal,
    last: head.ordinal,
    frames: (tally?.frames ?? 0) + 1,
    rows: (tally?.rows ?? 0) + head.rows,
    bytes: (tally?.bytes ?? 0) + head.end - head.position,
  };
}

/** E_CORRUPT for a place in a segment; `dataset` when it is known whose frame it is. */
export function corruptSegment(
  path: string,
  position: number,
  what: string,
  dataset?: DatasetName,
): HypError {
  const whose = dataset === undefined ? '' : ` of dataset ${dataset}`;
  return new HypError('E_CORRUPT', `${what}${whose} in ${path} at byte ${position}`, {
    hint: 'Nothing was skipped. Run `hyp check` and keep the file.',
    details: { path, position, dataset },
  });
}
