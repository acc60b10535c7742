/**
 * Owns: the hyp.yaml that `hyp init` writes: one folder sink; what is commented out states the defaults.
 * llp/0010
 */

/** `root` as it is to stand in the file. A test reads the result back, comments removed as well. */
export function configTemplate(root: string): string {
  return `# Configuration of hyp. Check it with: hyp validate
# Relative paths start at the directory of this file. \${NAME} is an environment variable.

# Where the store is: one Iceberg table per dataset, the spool, the progress of each sink.
root: ${JSON.stringify(root)}

# datasets:
#   "*": # every dataset without an entry of its own
#     flush:
#       maxDelay: 5s # a row is in its table at most this long after it was appended
#       maxBytes: 64MiB # or as soon as so much waits

# Where rows are exported to, each exactly once.
sinks:
  archive:
    type: fs
    path: ./exports
    format: ndjson # or ndjson.gz, parquet
    partition: "dt={_hyp_ingested_at:day}"
#     rotate: { rows: 1000000, bytes: 128MiB, interval: 1m } # whichever comes first
#     datasets: [events] # leave it out for all
#     retry: { initial: 1s, max: 5m }

# disk:
#   minFree: 256MiB # appends are refused below it, exports go on; 0B: no reserve
# spool:
#   maxBytes: 1GiB # what may wait for a flush
#   maxWait: 5s # how long an append waits for a full spool

# daemon:
#   tick: 1s
#   http: 127.0.0.1:7711 # /health, /ready, /status; or off
#   drain: 10s
`;
}
