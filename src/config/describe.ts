/**
 * Owns: the printed form of a configuration in force, with every default filled in and every value
 * that came from the environment redacted.
 * llp/0010
 */
import type { Json } from '../core/json.ts';
import type { DeclaredColumn } from './columns.ts';
import type { DatasetConfig, HypConfig, SinkConfig } from './config.ts';
import { formatAddress, formatDuration, formatSize } from './values.ts';

export const REDACTED = '<redacted>';

function describeDataset(dataset: DatasetConfig): Json {
  return {
    flush: {
      maxDelay: formatDuration(dataset.flush.maxDelayMs),
      maxBytes: formatSize(dataset.flush.maxBytes),
    },
    ...(dataset.columns === undefined ? {} : { columns: describeColumns(dataset.columns) }),
  };
}

function describeColumns(columns: readonly DeclaredColumn[]): Json {
  return Object.fromEntries(columns.map(({ name, type }) => [name, type]));
}

function describeSink(sink: SinkConfig): Json {
  return {
    type: sink.type,
    path: sink.path,
    prefix: sink.prefix,
    format: sink.format,
    partition: sink.partition,
    rotate: {
      rows: sink.rotate.rows,
      bytes: formatSize(sink.rotate.bytes),
      interval: formatDuration(sink.rotate.intervalMs),
    },
    datasets: sink.datasets ?? null,
    retry: {
      initial: formatDuration(sink.retry.initialMs),
      max: formatDuration(sink.retry.maxMs),
    },
  };
}

function redact(value: Json, path: string, secret: ReadonlySet<string>): Json {
  if (secret.has(path)) return REDACTED;
  const inner = (key: string | number) => (path === '' ? String(key) : `${path}.${key}`);
  if (Array.isArray(value)) {
    return value.map((item: Json, index) => redact(item, inner(index), secret));
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Readonly<Record<string, Json>>);
  return Object.fromEntries(entries.map(([key, item]) => [key, redact(item, inner(key), secret)]));
}

/** In the shape of hyp.yaml; safe to print, log or paste into a report. */
export function describeConfig(config: HypConfig): Json {
  const datasets = new Map([['*', config.dataset('*')], ...(config.declared ?? [])]);
  const sections: Json = {
    root: config.root,
    datasets: Object.fromEntries([...datasets].map(([name, it]) => [name, describeDataset(it)])),
    sinks: Object.fromEntries(config.sinks.map((sink) => [sink.name, describeSink(sink)])),
    disk: { minFree: formatSize(config.disk.minFreeBytes) },
    spool: {
      maxBytes: formatSize(config.spool.maxBytes),
      maxWait: formatDuration(config.spool.maxWaitMs),
    },
    daemon: {
      tick: formatDuration(config.daemon.tickMs),
      http: config.daemon.http === undefined ? 'off' : formatAddress(config.daemon.http),
      drain: formatDuration(config.daemon.drainMs),
    },
  };
  const described = redact(sections, '', config.fromEnv ?? new Set());
  return { file: config.path ?? null, ...(described as Readonly<Record<string, Json>>) };
}
