/**
 * Owns: a disk that counts: what a tick opened, read, wrote and synced.
 * llp/0016
 */
import type { DurableFs, ReadHandle, WriteHandle } from '../src/core/durable-fs.ts';

export interface Counts {
  /** Files opened or read whole, directories not. */
  opens: number;
  /** Of them data files, manifests and manifest lists. */
  tableOpens: number;
  reads: number;
  readBytes: number;
  lists: number;
  writtenBytes: number;
  creates: number;
  /** fsync and fdatasync of files and of directories. */
  syncs: number;
}

function none(): Counts {
  return {
    opens: 0,
    tableOpens: 0,
    reads: 0,
    readBytes: 0,
    lists: 0,
    writtenBytes: 0,
    creates: 0,
    syncs: 0,
  };
}

export interface CountingFs {
  readonly fs: DurableFs;
  /** What happened since the last time this was asked. */
  take(): Counts;
}

export function countFs(inner: DurableFs): CountingFs {
  let counts = none();
  const opened = (path: string): void => {
    counts.opens += 1;
    if (/\.(?:parquet|avro)$/.test(path)) counts.tableOpens += 1;
  };
  const fs: DurableFs = {
    ...inner,
    readdir: (path) => {
      counts.lists += 1;
      return inner.readdir(path);
    },
    readFile: async (path) => {
      opened(path);
      const bytes = await inner.readFile(path);
      counts.reads += 1;
      counts.readBytes += bytes.length;
      return bytes;
    },
    open: async (path) => {
      opened(path);
      return countedRead(await inner.open(path), () => counts);
    },
    create: async (path) => {
      counts.creates += 1;
      return countedWrite(await inner.create(path), () => counts);
    },
    syncDir: (path) => {
      counts.syncs += 1;
      return inner.syncDir(path);
    },
  };
  return {
    fs,
    take: () => {
      const taken = counts;
      counts = none();
      return taken;
    },
  };
}

function countedRead(handle: ReadHandle, counts: () => Counts): ReadHandle {
  return {
    path: handle.path,
    size: () => handle.size(),
    read: async (at, length) => {
      const bytes = await handle.read(at, length);
      counts().reads += 1;
      counts().readBytes += bytes.length;
      return bytes;
    },
    sync: () => {
      counts().syncs += 1;
      return handle.sync();
    },
    close: () => handle.close(),
  };
}

function countedWrite(handle: WriteHandle, counts: () => Counts): WriteHandle {
  return {
    path: handle.path,
    write: (bytes) => {
      counts().writtenBytes += bytes.length;
      return handle.write(bytes);
    },
    sync: () => {
      counts().syncs += 1;
      return handle.sync();
    },
    datasync: () => {
      counts().syncs += 1;
      return handle.datasync();
    },
    close: () => handle.close(),
  };
}
