/**
 * Owns: Avro container files as bytes, read and written without the code under test.
 * llp/0013
 */
import type { AvroSchema } from '../../storage/iceberg/avro.ts';

/** The header as another program would parse it. */
export function rawHeader(bytes: Uint8Array): {
  readonly keys: readonly string[];
  readonly values: Readonly<Record<string, string>>;
  readonly schema: unknown;
} {
  let at = 4;
  const long = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  };
  const text = (): string => {
    const length = long();
    at += length;
    return Buffer.from(bytes.subarray(at - length, at)).toString('utf8');
  };
  const pairs = Array.from({ length: long() }, () => [text(), text()] as const);
  const values = Object.fromEntries(pairs);
  const schema = JSON.parse(values['avro.schema'] ?? '') as unknown;
  return { keys: pairs.map(([key]) => key), values, schema };
}

/** A container as other programs write it: no seal, codec null, one block a record. */
export function foreignAvro(
  schema: AvroSchema,
  records: readonly unknown[],
  keyValues: Readonly<Record<string, string>> = {},
): Uint8Array {
  const pairs = Object.entries({ 'avro.schema': schema.text, ...keyValues });
  const sync = Buffer.alloc(16, 7);
  const header = pairs
    .flat()
    .map((text) => Buffer.concat([zigzag(text.length), Buffer.from(text)]));
  const blocks = records.map((record) => {
    const body = schema.type.toBuffer(record);
    return Buffer.concat([zigzag(1), zigzag(body.length), body, sync]);
  });
  const start = Buffer.concat([Buffer.from('Obj\x01'), zigzag(pairs.length), ...header]);
  return Buffer.concat([start, zigzag(0), sync, ...blocks]);
}

/** Of a value ≥ 0. */
function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value * 2;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
