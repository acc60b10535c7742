/**
 * Owns: what hyp.yaml may say: the zod schema of each section. A key this version does not act on
 * is an error, because a setting that is silently ignored is a promise that is silently broken.
 * Not its job: positions (yaml-tree.ts), rules across sections (parse.ts).
 * llp/0010
 */
import { z } from 'zod';
import { toDatasetName } from '../core/ids.ts';
import { DEFAULTS, SINK_FORMATS } from './config.ts';
import { PREFIX_EXPECTED, parsePrefix, partitionProblem } from './key-template.ts';
import {
  ADDRESS_EXPECTED,
  COUNT_EXPECTED,
  DURATION_EXPECTED,
  SIZE_EXPECTED,
  parseAddress,
  parseCount,
  parseDuration,
  parseSize,
} from './values.ts';

const MAPPING = 'expected a mapping (key: value)';

/** A leaf written as text (or number) and read by one of the parsers of values.ts. */
function leaf<T>(parse: (text: string) => T | undefined, expected: string) {
  return z.union([z.string(), z.number()], { error: expected }).transform((value, context) => {
    const parsed = parse(String(value));
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });
}

const size = leaf((text) => {
  const bytes = parseSize(text);
  return bytes === 0 ? undefined : bytes;
}, SIZE_EXPECTED);
const sizeOrNone = leaf(parseSize, SIZE_EXPECTED);
const duration = leaf(parseDuration, DURATION_EXPECTED);
const positiveDuration = leaf((text) => {
  const ms = parseDuration(text);
  return ms === 0 ? undefined : ms;
}, `${DURATION_EXPECTED}, longer than 0`);
const count = leaf(parseCount, COUNT_EXPECTED);
const prefix = leaf(parsePrefix, PREFIX_EXPECTED);

const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });

const partition = z
  .string({ error: 'expected a template such as dt={_hyp_ingested_at:day}' })
  .superRefine((template, context) => {
    const problem = partitionProblem(template);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const format = z.enum(SINK_FORMATS, {
  error: `expected a format this version writes: ${SINK_FORMATS.join(', ')}`,
});

const datasetName = leaf((name) => {
  try {
    return String(toDatasetName(name));
  } catch {
    return undefined;
  }
}, 'expected a dataset name: 1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit');

/** An object of these keys only; the message of an unknown key is made in problems.ts. */
function section<S extends z.core.$ZodLooseShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : MAPPING),
  });
}

export const mapping = z.record(z.string(), z.unknown(), { error: MAPPING });

export const datasetSchema = section({
  flush: section({ maxDelay: duration.optional(), maxBytes: size.optional() }).optional(),
  /** Read by columns.ts: names and types are not keys of ours. */
  columns: z.unknown().optional(),
});

export const sinkSchema = section({
  type: z.literal('fs'),
  path: text('a sink of type fs needs a path: the directory it exports to'),
  prefix: prefix.default(''),
  format: format.default(DEFAULTS.format),
  partition: partition.default(''),
  rotate: section({
    rows: count.default(DEFAULTS.rotate.rows),
    bytes: size.default(DEFAULTS.rotate.bytes),
    interval: duration.default(DEFAULTS.rotate.intervalMs),
  }).prefault({}),
  datasets: z
    .array(datasetName, { error: 'expected a list of dataset names' })
    .min(1, { error: 'an empty list exports nothing; leave datasets out to export all' })
    .superRefine((names, context) => {
      names.forEach((name, index) => {
        if (names.indexOf(name) === index) return;
        context.addIssue({ code: 'custom', message: 'this dataset is named twice', path: [index] });
      });
    })
    .optional(),
  retry: section({
    initial: positiveDuration.default(DEFAULTS.retry.initialMs),
    max: positiveDuration.default(DEFAULTS.retry.maxMs),
  })
    .prefault({})
    .refine((retry) => retry.max >= retry.initial, {
      message: 'retry.max is shorter than retry.initial',
      path: ['max'],
    }),
});

const OFF = ['off', 'false'];

export const daemonSchema = section({
  tick: positiveDuration.default(DEFAULTS.daemon.tickMs),
  http: z
    .union([z.string(), z.number(), z.literal(false)], { error: ADDRESS_EXPECTED })
    .transform((value, context) => {
      if (OFF.includes(String(value))) return null;
      const address = parseAddress(String(value));
      if (address !== undefined) return address;
      context.addIssue({ code: 'custom', message: ADDRESS_EXPECTED });
      return z.NEVER;
    })
    .default(DEFAULTS.daemon.http),
  drain: duration.default(DEFAULTS.daemon.drainMs),
});

export const diskSchema = section({
  minFree: sizeOrNone.default(DEFAULTS.disk.minFreeBytes),
});

export const spoolSchema = section({
  maxBytes: size.default(DEFAULTS.spool.maxBytes),
  maxWait: duration.default(DEFAULTS.spool.maxWaitMs),
});

/** Sections are checked one by one, so that a mistake in one hides none in another. */
export const rootSchema = section({
  root: text('expected the directory of the store').default(DEFAULTS.root),
  datasets: z.unknown().optional(),
  sinks: z.unknown().optional(),
  disk: z.unknown().optional(),
  spool: z.unknown().optional(),
  daemon: z.unknown().optional(),
});
