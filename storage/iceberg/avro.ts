/**
 * Owns: Avro object container files: header, blocks and seal. avsc serves as the codec of records
 * only, because its own container writer drops every attribute Iceberg needs (field ids).
 * The first key of the header is `hyp.seal`, so that nothing a user wrote can come before it (I12).
 * The sync marker is a function of the content: the same values give the same bytes.
 * Not its job: what the records mean (./manifest, ./manifest-list).
 * llp/0006
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import avsc from 'avsc';
import { SEAL_PLACEHOLDER, checkSeal, sealBytes, sha256Hex } from '../../src/core/digest.ts';
import { HypError } from '../../src/core/errors.ts';

const MAGIC = Buffer.from('Obj\x01', 'latin1');
const SYNC_BYTES = 16;
const SEAL_KEY = 'hyp.seal';
/** A block that inflates beyond this is not one of a manifest anybody wrote. */
const INFLATED_LIMIT_BYTES = 256 * 1024 * 1024;
/** Foreign manifests may each carry another schema: only so many stay compiled. */
const COMPILED_SCHEMAS = 16;

/** Plain JSON of an Avro schema, attributes included. */
export type AvroJson =
  string | number | null | readonly AvroJson[] | { readonly [key: string]: AvroJson };

/** A schema, compiled once for all files written by it. */
export interface AvroSchema {
  readonly text: string;
  readonly type: avsc.Type;
}

export interface AvroFile {
  /** Every key of the header. */
  readonly keyValues: ReadonlyMap<string, string>;
  /** longs are bigint, ints and doubles number, bytes Uint8Array, optional values null. */
  readonly records: readonly unknown[];
}

export interface AvroReadOptions {
  /** Accept a file without a seal: one that another program wrote. A broken seal never passes. */
  readonly unsealed?: 'accept' | 'refuse' | undefined;
}

/** avsc's own long refuses what a double cannot hold. */
const bigintLong = avsc.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

export function avroSchema(json: AvroJson): AvroSchema {
  return compile(JSON.stringify(json));
}

function compile(text: string): AvroSchema {
  const type = avsc.Type.forSchema(JSON.parse(text) as avsc.Schema, {
    registry: { long: bigintLong },
    wrapUnions: 'never',
    omitRecordMethods: true,
  });
  return { text, type };
}

/** The bytes of a sealed container file with one deflated block. Pure. */
export function encodeAvro(
  schema: AvroSchema,
  keyValues: readonly (readonly [string, string])[],
  records: readonly unknown[],
): Uint8Array {
  const pairs: readonly (readonly [string, string])[] = [
    [SEAL_KEY, SEAL_PLACEHOLDER],
    ['avro.schema', schema.text],
    ['avro.codec', 'deflate'],
    ...keyValues,
  ];
  const header = [MAGIC, varint(pairs.length), ...pairs.flat().map(prefixed), varint(0)];
  const body = Buffer.concat(records.map((record) => schema.type.toBuffer(record)));
  const sync = syncMarker(pairs, body);
  const block = deflateRawSync(body);
  const blocks = records.length === 0 ? [] : [varint(records.length), prefixed(block), sync];
  return sealBytes(Buffer.concat([...header, sync, ...blocks]));
}

/**
 * The records of a container file. E_CORRUPT naming `path` when its bytes are damaged, E_FOREIGN
 * when it carries no seal and the caller did not ask for that.
 */
export function decodeAvro(
  bytes: Uint8Array,
  path: string,
  options: AvroReadOptions = {},
): AvroFile {
  const seal = checkSeal(bytes);
  if (seal === 'broken') throw damaged(path, 'its digest does not match');
  let file: AvroFile;
  try {
    file = readContainer(new Reader(bytes));
  } catch (cause) {
    throw damaged(path, cause instanceof Error ? cause.message : 'unreadable', cause);
  }
  // One flipped byte in the first letters of the seal must not make our file look foreign.
  if (seal === 'unsealed' && file.keyValues.has(SEAL_KEY)) {
    throw damaged(path, 'its seal is unreadable');
  }
  if (seal === 'unsealed' && options.unsealed !== 'accept') throw foreign(path);
  return file;
}

function readContainer(reader: Reader): AvroFile {
  if (!reader.take(MAGIC.length).equals(MAGIC)) throw new RangeError('not an Avro file');
  const header = readHeader(reader);
  const sync = reader.take(SYNC_BYTES);
  const { type } = compiled(header.get('avro.schema') ?? '');
  const codec = header.get('avro.codec') ?? 'null';
  const records: unknown[] = [];
  while (!reader.atEnd) {
    const count = reader.count();
    const block = unpack(codec, reader.take(reader.count()));
    if (!reader.take(SYNC_BYTES).equals(sync)) throw new RangeError('a block ends out of step');
    readBlock(type, block, count, records);
  }
  return { keyValues: header, records };
}

function readBlock(type: avsc.Type, block: Buffer, count: number, into: unknown[]): void {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const read: { readonly value: unknown; readonly offset: number } = type.decode(block, at);
    if (read.offset < 0) throw new RangeError('a block ends before its last record');
    into.push(read.value);
    at = read.offset;
  }
  if (at !== block.length) throw new RangeError('a block holds more than its records');
}

function readHeader(reader: Reader): Map<string, string> {
  const header = new Map<string, string>();
  for (let pairs = reader.long(); pairs !== 0; pairs = reader.long()) {
    // A negative count is followed by the size in bytes of the pairs.
    if (pairs < 0) reader.long();
    for (let i = Math.abs(pairs); i > 0; i--) {
      const key = reader.take(reader.count()).toString('utf8');
      header.set(key, reader.take(reader.count()).toString('utf8'));
    }
  }
  return header;
}

function unpack(codec: string, block: Buffer): Buffer {
  if (codec === 'null') return block;
  if (codec === 'deflate') return inflateRawSync(block, { maxOutputLength: INFLATED_LIMIT_BYTES });
  throw new RangeError(`unknown codec ${codec}`);
}

const schemas = new Map<string, AvroSchema>();

/** Compilation costs more than reading a small manifest. */
function compiled(text: string): AvroSchema {
  const known = schemas.get(text);
  if (known !== undefined) return known;
  const schema = compile(text);
  if (schemas.size >= COMPILED_SCHEMAS) schemas.clear();
  schemas.set(text, schema);
  return schema;
}

function syncMarker(pairs: readonly (readonly [string, string])[], body: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(JSON.stringify(pairs)), body]);
  return Buffer.from(sha256Hex(content), 'hex').subarray(0, SYNC_BYTES);
}

function prefixed(content: string | Buffer): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Zig-zag, then seven bits a byte, least first. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** Reads forward and never past the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError('the file ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A zig-zag long that is exact as a number. */
  long(): number {
    let raw = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0] ?? 0;
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const value = Number((raw >> 1n) ^ -(raw & 1n));
    if (!Number.isSafeInteger(value)) throw new RangeError('a length is out of range');
    return value;
  }

  count(): number {
    const value = this.long();
    if (value < 0) throw new RangeError('a length is negative');
    return value;
  }
}

function damaged(path: string, why: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `damaged metadata file ${path}: ${why}`, {
    cause,
    hint: 'Run `hyp check`; restore the file from a backup. Other datasets go on.',
    details: { path },
  });
}

function foreign(path: string): HypError {
  return new HypError('E_FOREIGN', `another program wrote ${path}: it carries no seal`, {
    hint: 'hyp does not read files it did not write; restore the table from a backup.',
    details: { path },
  });
}
