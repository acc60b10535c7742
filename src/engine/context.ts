/**
 * Owns: what every part of the engine works with: the ports, the places and the open tables.
 * The only holder of mutable state in a process: caches, which may be empty at any time.
 * llp/0008
 */
import type { DeclaredColumn } from '../config/columns.ts';
import type { Clock } from '../core/clock.ts';
import { mkdirDurable } from '../core/durable-fs.ts';
import type { DurableFs } from '../core/durable-fs.ts';
import type { Observe } from '../core/events.ts';
import type { DatasetName } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { DATA_DIR, METADATA_DIR, SPOOL_DIR, TABLES_DIR, tableDir } from '../../storage/layout.ts';
import type { RowGroupEncoder } from '../codec/parquet.ts';
import type { Leases } from '../../state/lease.ts';
import { stateDir } from '../../state/layout.ts';
import { SpoolReader } from '../../storage/spool/reader.ts';
import { Table } from '../../storage/table.ts';
import { DiskRoom } from './room/disk-room.ts';

export interface Ports {
  readonly fs: DurableFs;
  readonly clock: Clock;
  readonly random: Random;
  readonly observe: Observe;
  readonly leases: Leases;
}

export interface EngineContext extends Ports {
  readonly root: string;
  /** The store's state directory. */
  readonly state: string;
  readonly spool: SpoolReader;
  readonly disk: DiskRoom;
  /** Encodes what is committed; undefined: the calling thread does. */
  readonly encoder?: RowGroupEncoder | undefined;
  /** The file a worker thread begins with; undefined: that of the built package. */
  readonly workerEntry: URL | undefined;
  /** The columns hyp.yaml declares for a dataset. */
  declared(dataset: DatasetName): readonly DeclaredColumn[];
  /** The table of `dataset`, whether anything was committed to it or not. */
  table(dataset: DatasetName): Table;
  /** As `table`, with its directories made durable: for whoever will commit. */
  writableTable(dataset: DatasetName): Promise<Table>;
}

export function createContext(
  root: string,
  ports: Ports,
  minFreeBytes: number,
  {
    workerEntry,
    declared = () => [],
  }: Partial<Pick<EngineContext, 'workerEntry' | 'declared'>> = {},
): EngineContext {
  const tables = new Map<DatasetName, Table>();
  const writable = new Set<DatasetName>();
  const table = (dataset: DatasetName): Table => {
    const known = tables.get(dataset);
    if (known !== undefined) return known;
    const opened = new Table(dataset, tableDir(root, dataset), ports.fs, ports.random);
    tables.set(dataset, opened);
    return opened;
  };
  return {
    ...ports,
    root,
    workerEntry,
    state: stateDir(root),
    spool: new SpoolReader({ fs: ports.fs, dir: `${root}/${SPOOL_DIR}`, observe: ports.observe }),
    disk: new DiskRoom(ports, root, minFreeBytes),
    declared,
    table,
    writableTable: async (dataset) => {
      if (!writable.has(dataset)) {
        const dir = await mkdirDurable(ports.fs, root, TABLES_DIR, dataset);
        await mkdirDurable(ports.fs, dir, METADATA_DIR);
        await mkdirDurable(ports.fs, dir, DATA_DIR);
        writable.add(dataset);
      }
      return table(dataset);
    },
  };
}
