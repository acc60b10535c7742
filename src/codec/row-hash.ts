/**
 * Owns: 128-bit hashes of values and rows in four 32-bit lanes, the mixing of murmur3-x86-128.
 * Every value is hashed with a seed of its field id and type class and added to its row's lanes;
 * a finished row is mixed with its seq. Nothing is allocated per value.
 * Changing anything here changes every content digest ever stored: it never changes.
 * Not its job: which values count (content-digest).
 * llp/0005
 */

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

/** Rows hashed together: their lanes stay in the first-level cache. */
export const LANE_ROWS = 1024;

/** One accumulator of four lanes for each of so many rows. */
export interface Lanes {
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly c: Uint32Array;
  readonly d: Uint32Array;
}

/** Where the hashes of a column's values begin and where they go. */
export interface ValueHash {
  readonly lanes: Lanes;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

export function newLanes(rows = LANE_ROWS): Lanes {
  return {
    a: new Uint32Array(rows),
    b: new Uint32Array(rows),
    c: new Uint32Array(rows),
    d: new Uint32Array(rows),
  };
}

export function clearLanes(lanes: Lanes): void {
  lanes.a.fill(0);
  lanes.b.fill(0);
  lanes.c.fill(0);
  lanes.d.fill(0);
}

function fmix(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Hashes of values of type class `kind` in field `fieldId`, added to `lanes`. */
export function valueHash(lanes: Lanes, kind: number, fieldId: number): ValueHash {
  const base = fmix(Math.imul(fieldId, C1) ^ Math.imul(kind + 1, C2));
  return {
    lanes,
    a: fmix(base ^ fieldId),
    b: fmix(base ^ Math.imul(kind + 1, C3)),
    c: fmix(base + C4),
    d: fmix(~base),
  };
}

function mix1(h: number, k: number, next: number): number {
  const m = Math.imul(k, C1);
  const x = h ^ Math.imul((m << 15) | (m >>> 17), C2);
  return (Math.imul(((x << 19) | (x >>> 13)) + next, 5) + 0x561ccd1b) | 0;
}

function mix2(h: number, k: number, next: number): number {
  const m = Math.imul(k, C2);
  const x = h ^ Math.imul((m << 16) | (m >>> 16), C3);
  return (Math.imul(((x << 17) | (x >>> 15)) + next, 5) + 0x0bcaa747) | 0;
}

function mix3(h: number, k: number, next: number): number {
  const m = Math.imul(k, C3);
  const x = h ^ Math.imul((m << 17) | (m >>> 15), C4);
  return (Math.imul(((x << 15) | (x >>> 17)) + next, 5) + 0x96cd1c35) | 0;
}

function mix4(h: number, k: number, next: number): number {
  const m = Math.imul(k, C4);
  const x = h ^ Math.imul((m << 18) | (m >>> 14), C1);
  return (Math.imul(((x << 13) | (x >>> 19)) + next, 5) + 0x32ac3b17) | 0;
}

/**
 * Finishes a hash of `length` bytes and adds it to the lanes of row `row`. fmix stands in it four
 * times as it is: a tenth of the time of a digest.
 */
// eslint-disable-next-line max-params -- the state stays in registers; an object would not
function addHash(
  lanes: Lanes,
  row: number,
  a: number,
  b: number,
  c: number,
  d: number,
  length: number,
): void {
  const sum = ((a ^ length) + (b ^ length) + (c ^ length) + (d ^ length)) | 0;
  let h1 = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  h1 = Math.imul(h1 ^ (h1 >>> 13), 0xc2b2ae35);
  h1 ^= h1 >>> 16;
  let h2 = ((b ^ length) + sum) | 0;
  h2 = Math.imul(h2 ^ (h2 >>> 16), 0x85ebca6b);
  h2 = Math.imul(h2 ^ (h2 >>> 13), 0xc2b2ae35);
  h2 ^= h2 >>> 16;
  let h3 = ((c ^ length) + sum) | 0;
  h3 = Math.imul(h3 ^ (h3 >>> 16), 0x85ebca6b);
  h3 = Math.imul(h3 ^ (h3 >>> 13), 0xc2b2ae35);
  h3 ^= h3 >>> 16;
  let h4 = ((d ^ length) + sum) | 0;
  h4 = Math.imul(h4 ^ (h4 >>> 16), 0x85ebca6b);
  h4 = Math.imul(h4 ^ (h4 >>> 13), 0xc2b2ae35);
  h4 ^= h4 >>> 16;
  h1 = (h1 + h2 + h3 + h4) | 0;
  lanes.a[row] = (lanes.a[row] ?? 0) + h1;
  lanes.b[row] = (lanes.b[row] ?? 0) + h2 + h1;
  lanes.c[row] = (lanes.c[row] ?? 0) + h3 + h1;
  lanes.d[row] = (lanes.d[row] ?? 0) + h4 + h1;
}

/** Adds an 8-byte value, given as its two halves, to row `row`. */
export function addWords(hash: ValueHash, row: number, low: number, high: number): void {
  const a = mix1(hash.a, low, hash.b);
  const b = mix2(hash.b, high, hash.c);
  const c = mix3(hash.c, low, hash.d);
  const d = mix4(hash.d, high, a);
  addHash(hash.lanes, row, a, b, c, d, 8);
}

/** Which bits of a word count when 0 … 3 bytes of it are left; from 4 on, all. */
const TAIL_MASKS = Int32Array.of(0, 0xff, 0xffff, 0xffffff);

/** Up to 4 bytes from `at`, below `to`, as a little-endian word; for the end of a buffer. */
function wordBelow(view: DataView, at: number, to: number): number {
  let word = 0;
  for (let i = 0; i < 4 && at + i < to; i++) word |= view.getUint8(at + i) << (8 * i);
  return word;
}

/** The word at `at` with the bytes from `to` on as zeros; `safe`: the view goes on for 4 bytes. */
function tailWord(view: DataView, at: number, to: number, safe: boolean): number {
  const left = to - at;
  if (!safe) return wordBelow(view, at, to);
  const word = view.getInt32(at, true);
  return left >= 4 ? word : word & (TAIL_MASKS[left] ?? 0);
}

/**
 * Adds all bytes of `view` from `from` to `to` to row `row`. The rounds stand in the loop as they
 * are, because calls to mix1 … mix4 are not inlined here and would cost as much as they do.
 */
// eslint-disable-next-line max-params -- as addHash
export function addBytes(
  hash: ValueHash,
  row: number,
  view: DataView,
  from: number,
  to: number,
): void {
  let { a, b, c, d } = hash;
  let at = from;
  for (const last = to - 16; at <= last; at += 16) {
    const k1 = Math.imul(view.getInt32(at, true), C1);
    a ^= Math.imul((k1 << 15) | (k1 >>> 17), C2);
    a = (Math.imul(((a << 19) | (a >>> 13)) + b, 5) + 0x561ccd1b) | 0;
    const k2 = Math.imul(view.getInt32(at + 4, true), C2);
    b ^= Math.imul((k2 << 16) | (k2 >>> 16), C3);
    b = (Math.imul(((b << 17) | (b >>> 15)) + c, 5) + 0x0bcaa747) | 0;
    const k3 = Math.imul(view.getInt32(at + 8, true), C3);
    c ^= Math.imul((k3 << 17) | (k3 >>> 15), C4);
    c = (Math.imul(((c << 15) | (c >>> 17)) + d, 5) + 0x96cd1c35) | 0;
    const k4 = Math.imul(view.getInt32(at + 12, true), C4);
    d ^= Math.imul((k4 << 18) | (k4 >>> 14), C1);
    d = (Math.imul(((d << 13) | (d >>> 19)) + a, 5) + 0x32ac3b17) | 0;
  }
  if (at < to) {
    const safe = at + 16 <= view.byteLength;
    const k1 = Math.imul(tailWord(view, at, to, safe), C1);
    a ^= Math.imul((k1 << 15) | (k1 >>> 17), C2);
    if (at + 4 < to) {
      const k2 = Math.imul(tailWord(view, at + 4, to, safe), C2);
      b ^= Math.imul((k2 << 16) | (k2 >>> 16), C3);
    }
    if (at + 8 < to) {
      const k3 = Math.imul(tailWord(view, at + 8, to, safe), C3);
      c ^= Math.imul((k3 << 17) | (k3 >>> 15), C4);
    }
    if (at + 12 < to) {
      const k4 = Math.imul(tailWord(view, at + 12, to, safe), C4);
      d ^= Math.imul((k4 << 18) | (k4 >>> 14), C1);
    }
  }
  addHash(hash.lanes, row, a, b, c, d, to - from);
}

/** Adds what lane `at` of `known` has gathered to row `row`. */
export function addLane(lanes: Lanes, row: number, known: Lanes, at: number): void {
  lanes.a[row] = (lanes.a[row] ?? 0) + (known.a[at] ?? 0);
  lanes.b[row] = (lanes.b[row] ?? 0) + (known.b[at] ?? 0);
  lanes.c[row] = (lanes.c[row] ?? 0) + (known.c[at] ?? 0);
  lanes.d[row] = (lanes.d[row] ?? 0) + (known.d[at] ?? 0);
}

/** Turns the values of row `row` into the hash of the row with that seq. */
export function finishRow(lanes: Lanes, row: number, seqLow: number, seqHigh: number): void {
  const a = lanes.a[row] ?? 0;
  const b = lanes.b[row] ?? 0;
  const c = lanes.c[row] ?? 0;
  const d = lanes.d[row] ?? 0;
  lanes.a[row] = lanes.b[row] = lanes.c[row] = lanes.d[row] = 0;
  const m1 = mix1(a, seqLow, b);
  const m2 = mix2(b, seqHigh, c);
  const m3 = mix3(c, seqLow, d);
  const m4 = mix4(d, seqHigh, m1);
  addHash(lanes, row, m1, m2, m3, m4, 16);
}
