/**
 * Owns: the file format of versioned records that are plain JSON: kind, format, seal, link, value.
 * A record that says a higher format than this build knows is refused, never guessed at.
 * llp/0002
 */
import { z } from 'zod';
import { SEAL_PLACEHOLDER, checkSeal, sealBytes } from './digest.ts';
import { HypError } from './errors.ts';
import type { RecordFormat, VersionLink } from './versioned-record.ts';

const FORMAT = 1;

const envelope = z.object({
  hyp: z.string(),
  format: z.number(),
  link: z.object({
    commitId: z.string(),
    parentId: z.string().optional(),
    history: z.array(z.string()),
  }),
  value: z.unknown(),
});

export interface JsonRecordKind<T> {
  /** Named in the file and in errors: "progress", "registry". */
  readonly kind: string;
  toJson(value: T): unknown;
  /** Throws when the value is not of this kind; the error becomes the cause of E_CORRUPT. */
  fromJson(value: unknown): T;
}

/** Files `v<n>.json` of one kind. */
export function jsonRecordFormat<T>(kind: JsonRecordKind<T>): RecordFormat<T> {
  return {
    fileName: (version) => `v${version}.json`,
    parseName: (name) => {
      const digits = /^v([1-9]\d*)\.json$/.exec(name)?.[1];
      return digits === undefined ? undefined : Number(digits);
    },
    encode: (value, link) => {
      const head = { hyp: kind.kind, format: FORMAT, seal: SEAL_PLACEHOLDER, link };
      const text = JSON.stringify({ ...head, value: kind.toJson(value) }, undefined, 1);
      return sealBytes(Buffer.from(`${text}\n`));
    },
    decode: (bytes, path) => {
      if (checkSeal(bytes) !== 'whole') throw corrupt(kind.kind, path);
      const parsed = parse(bytes, kind.kind, path);
      if (parsed.format > FORMAT) {
        throw new HypError('E_UNSUPPORTED_FORMAT', `${path} has format ${parsed.format}`, {
          hint: `This hyp knows format ${FORMAT}: use the hyp that wrote it, or a newer one.`,
        });
      }
      try {
        return { value: kind.fromJson(parsed.value), link: toLink(parsed.link) };
      } catch (cause) {
        throw corrupt(kind.kind, path, cause);
      }
    },
  };
}

function parse(bytes: Uint8Array, kind: string, path: string): z.infer<typeof envelope> {
  let parsed: z.infer<typeof envelope>;
  try {
    parsed = envelope.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw corrupt(kind, path, cause);
  }
  if (parsed.hyp !== kind) throw corrupt(kind, path);
  return parsed;
}

function toLink(link: z.infer<typeof envelope>['link']): VersionLink {
  return { commitId: link.commitId, parentId: link.parentId, history: link.history };
}

function corrupt(kind: string, path: string, cause?: unknown): HypError {
  return new HypError('E_CORRUPT', `${kind} record is damaged: ${path}`, {
    cause,
    hint: 'Nothing was changed. Run `hyp check` and keep the file for the report.',
    details: { path },
  });
}
