/**
 * Owns: one place where a test stands between hyp and its disk. Every call, of the file system and
 * of its handles, passes `around` as a named step. The decorators of fault-fs are built on it.
 * llp/0013
 */
import type { DurableFs, ReadHandle, WriteHandle } from '../../src/core/durable-fs.ts';

export type FsOp =
  | 'readdir'
  | 'stat'
  | 'readFile'
  | 'open'
  | 'size'
  | 'read'
  | 'create'
  | 'write'
  | 'sync'
  | 'datasync'
  | 'close'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'rmdir'
  | 'syncDir'
  | 'freeBytes';

export interface FsStep {
  readonly op: FsOp;
  readonly path: string;
  /** Second path of link and rename. */
  readonly to: string | undefined;
  /** Bytes about to be written, for `write`; asked for, for `read`. */
  readonly bytes: number;
  /** The handle a step of an open file belongs to: equal for all steps of one open or create. */
  readonly handle: number | undefined;
}

/** Runs the step by calling `run`, or does something else instead of, before or after it. */
export type Around = <T>(step: FsStep, run: () => Promise<T>) => Promise<T>;

/** Ops that change the disk or decide what survives a power failure. */
const DURABLE_OPS: ReadonlySet<FsOp> = new Set<FsOp>([
  'create',
  'write',
  'sync',
  'datasync',
  'link',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'syncDir',
]);

export function isDurableStep(step: FsStep): boolean {
  return DURABLE_OPS.has(step.op);
}

/** "link /t/.tmp -> /t/v2.json", as printed when a test fails at a step. */
export function stepText(step: FsStep): string {
  const size = step.op === 'write' ? ` (${step.bytes} bytes)` : '';
  return `${step.op} ${step.path}${step.to === undefined ? '' : ` -> ${step.to}`}${size}`;
}

/** A DurableFs whose every call is `around(step, call)`. */
export function interceptFs(fs: DurableFs, around: Around): DurableFs {
  let handles = 0;
  const step = (op: FsOp, path: string, more: Partial<FsStep> = {}): FsStep => ({
    op,
    path,
    to: undefined,
    bytes: 0,
    handle: undefined,
    ...more,
  });
  const reader = (inner: ReadHandle): ReadHandle => {
    const handle = ++handles;
    const at = (op: FsOp, bytes = 0): FsStep => step(op, inner.path, { handle, bytes });
    return {
      path: inner.path,
      size: () => around(at('size'), () => inner.size()),
      read: (offset, length) => around(at('read', length), () => inner.read(offset, length)),
      sync: () => around(at('sync'), () => inner.sync()),
      close: () => around(at('close'), () => inner.close()),
    };
  };
  const writer = (inner: WriteHandle): WriteHandle => {
    const handle = ++handles;
    const at = (op: FsOp, bytes = 0): FsStep => step(op, inner.path, { handle, bytes });
    return {
      path: inner.path,
      write: (bytes) => around(at('write', bytes.length), () => inner.write(bytes)),
      sync: () => around(at('sync'), () => inner.sync()),
      datasync: () => around(at('datasync'), () => inner.datasync()),
      close: () => around(at('close'), () => inner.close()),
    };
  };
  return {
    readdir: (path) => around(step('readdir', path), () => fs.readdir(path)),
    stat: (path) => around(step('stat', path), () => fs.stat(path)),
    readFile: (path) => around(step('readFile', path), () => fs.readFile(path)),
    open: (path) => around(step('open', path), async () => reader(await fs.open(path))),
    create: (path) => around(step('create', path), async () => writer(await fs.create(path))),
    link: (from, to) => around(step('link', from, { to }), () => fs.link(from, to)),
    rename: (from, to) => around(step('rename', from, { to }), () => fs.rename(from, to)),
    unlink: (path) => around(step('unlink', path), () => fs.unlink(path)),
    mkdir: (path) => around(step('mkdir', path), () => fs.mkdir(path)),
    rmdir: (path) => around(step('rmdir', path), () => fs.rmdir(path)),
    syncDir: (path) => around(step('syncDir', path), () => fs.syncDir(path)),
    freeBytes: (path) => around(step('freeBytes', path), () => fs.freeBytes(path)),
  };
}

/** An error as node:fs throws it. */
export function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
