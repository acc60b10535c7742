/**
 * Owns: what a simulated disk consists of, and what a power failure may do to it.
 * A directory keeps the names that are durable and the changes since its last sync; a file keeps
 * its content and the part of it that is durable. `fraction()` near 0 loses, near 1 keeps.
 * llp/0013
 */

/** A source of choices; `Random` is one. */
export interface Fractions {
  fraction(): number;
}

/** A power failure that loses everything that was not synced. */
export const LOSE_ALL: Fractions = { fraction: () => 0 };
/** A power failure that loses nothing: what kill -9 leaves. */
export const KEEP_ALL: Fractions = { fraction: () => 0.999_999 };

export interface FileNode {
  readonly kind: 'file';
  /** Append-only: bytes once written never change, so views of it may be kept. */
  content: Uint8Array;
  /** Room for more bytes behind `content`. */
  room: Uint8Array;
  /** What is on the disk; a prefix of `content`, zeros where a failed sync dropped the bytes. */
  durable: Uint8Array;
  /** Ranges whose write-back failed: the kernel calls them clean and never writes them again. */
  dropped: { readonly from: number; readonly to: number }[];
  mtimeMs: number;
}

export interface NameChange {
  /** Equal for the two halves of one rename. */
  readonly op: number;
  readonly name: string;
  readonly node: DiskNode | undefined;
}

export interface DirNode {
  readonly kind: 'directory';
  names: Map<string, DiskNode>;
  durable: Map<string, DiskNode>;
  /** Since the last sync of this directory, oldest first. */
  changes: NameChange[];
  mtimeMs: number;
}

export type DiskNode = FileNode | DirNode;

export interface RenameOp {
  readonly op: number;
  readonly from: DirNode;
  readonly to: DirNode;
}

export function newFile(mtimeMs: number): FileNode {
  const empty = new Uint8Array(0);
  return { kind: 'file', content: empty, room: empty, durable: empty, dropped: [], mtimeMs };
}

export function appendContent(file: FileNode, bytes: Uint8Array): void {
  const size = file.content.length;
  if (file.room.length < size + bytes.length) {
    file.room = new Uint8Array(2 * (size + bytes.length));
    file.room.set(file.content);
  }
  file.room.set(bytes, size);
  file.content = file.room.subarray(0, size + bytes.length);
}

export function newDirectory(mtimeMs: number): DirNode {
  return { kind: 'directory', names: new Map(), durable: new Map(), changes: [], mtimeMs };
}

export function setName(dir: DirNode, name: string, node: DiskNode | undefined, op: number): void {
  if (node === undefined) dir.names.delete(name);
  else dir.names.set(name, node);
  dir.changes.push({ op, name, node });
}

export function syncNames(dir: DirNode): void {
  dir.durable = new Map(dir.names);
  dir.changes = [];
}

/** What the disk holds once all of `content` has been written back. */
export function syncContent(file: FileNode): void {
  if (file.dropped.length === 0) {
    file.durable = file.content;
    return;
  }
  const durable = file.content.slice();
  for (const range of file.dropped) durable.fill(0, range.from, range.to);
  file.durable = durable;
}

/** A failed write-back: what was not durable is clean now, and never reaches the disk. */
export function dropWrites(file: FileNode): void {
  file.dropped.push({ from: file.durable.length, to: file.content.length });
}

/** Bytes of the files below `root` by current names, each file once. */
export function bytesBelow(root: DirNode): number {
  const files = new Set<FileNode>();
  const dirs = new Set<DirNode>([root]);
  for (const dir of dirs) {
    for (const node of dir.names.values()) {
      if (node.kind === 'directory') dirs.add(node);
      else files.add(node);
    }
  }
  return [...files].reduce((sum, file) => sum + file.content.length, 0);
}

/** All directories below `root`, itself included, by current and by durable names. */
function directoriesOf(root: DirNode): DirNode[] {
  const seen = new Set<DirNode>([root]);
  for (const dir of seen) {
    const nodes = [...dir.names.values(), ...dir.durable.values()];
    for (const change of dir.changes) if (change.node) nodes.push(change.node);
    for (const node of nodes) if (node.kind === 'directory') seen.add(node);
  }
  return [...seen];
}

/** How many of the changes of one name took effect, per directory and name. */
class NameOutcome {
  readonly #applied = new Map<DirNode, Map<string, { changes: NameChange[]; kept: number }>>();

  constructor(dirs: readonly DirNode[], random: Fractions) {
    for (const dir of dirs) {
      const names = new Map<string, { changes: NameChange[]; kept: number }>();
      for (const change of dir.changes) {
        const entry = names.get(change.name) ?? { changes: [], kept: 0 };
        entry.changes.push(change);
        names.set(change.name, entry);
      }
      for (const entry of names.values()) {
        entry.kept = Math.floor(random.fraction() * (entry.changes.length + 1));
      }
      this.#applied.set(dir, names);
    }
  }

  /** Where the half of a rename that lies in `dir` stands, or undefined once it is durable. */
  #half(dir: DirNode, op: number, gone: boolean) {
    for (const entry of this.#applied.get(dir)?.values() ?? []) {
      const at = entry.changes.findIndex(
        (change) => change.op === op && (change.node === undefined) === gone,
      );
      if (at >= 0) return { entry, at, done: entry.kept > at, node: entry.changes[at]?.node };
    }
    return undefined;
  }

  /**
   * A journal never loses both names of a rename while neither directory was synced, and never
   * gives a directory two names. Only ever takes changes back, so it ends.
   */
  settle(renames: readonly RenameOp[]): void {
    for (let again = true; again;) {
      again = false;
      for (const { op, from, to } of renames) {
        const source = this.#half(from, op, true);
        const target = this.#half(to, op, false);
        if (source === undefined || target === undefined) continue;
        if (source.done && !target.done) {
          source.entry.kept = source.at;
          again = true;
        } else if (!source.done && target.done && target.node?.kind === 'directory') {
          target.entry.kept = target.at;
          again = true;
        }
      }
    }
  }

  apply(dir: DirNode): void {
    const names = new Map(dir.durable);
    for (const [name, entry] of this.#applied.get(dir) ?? []) {
      if (entry.kept === 0) continue;
      const node = entry.changes[entry.kept - 1]?.node;
      if (node === undefined) names.delete(name);
      else names.set(name, node);
    }
    dir.names = names;
    dir.durable = new Map(names);
    dir.changes = [];
  }
}

const SECTOR_BYTES = 512;

/** Sectors of the tail reach the disk independently: written, zero, or what was there before. */
function tornTail(tail: Uint8Array, random: Fractions): Uint8Array {
  const out = tail.slice();
  for (let at = 0; at < out.length; at += SECTOR_BYTES) {
    const fate = Math.floor(random.fraction() * 3);
    const end = Math.min(at + SECTOR_BYTES, out.length);
    if (fate === 0) out.fill(0, at, end);
    if (fate === 1) for (let i = at; i < end; i++) out[i] = Math.floor(random.fraction() * 256);
  }
  return out;
}

/** What a power failure leaves of the bytes after the durable ones. */
function tailAfterCrash(tail: Uint8Array, random: Fractions): Uint8Array {
  const fate = Math.floor(random.fraction() * 5);
  const cut = Math.floor(random.fraction() * (tail.length + 1));
  switch (fate) {
    case 0:
      return new Uint8Array(0);
    case 1:
      return tail.slice(0, cut);
    case 2:
      return tail.slice().fill(0, cut);
    case 3:
      return tornTail(tail, random);
    default:
      return tail.slice();
  }
}

function crashContent(file: FileNode, random: Fractions): void {
  if (file.content.length > file.durable.length) {
    const tail = tailAfterCrash(file.content.subarray(file.durable.length), random);
    file.content = Buffer.concat([file.durable, tail]);
  } else {
    file.content = file.durable;
  }
  file.durable = file.content;
  file.room = new Uint8Array(0);
  file.dropped = [];
}

/** The power fails: un-synced names and content are kept, lost or damaged, each by itself. */
export function crashDisk(root: DirNode, renames: readonly RenameOp[], random: Fractions): void {
  const dirs = directoriesOf(root);
  const outcome = new NameOutcome(dirs, random);
  outcome.settle(renames);
  for (const dir of dirs) outcome.apply(dir);
  const files = new Set<FileNode>();
  for (const dir of directoriesOf(root)) {
    for (const node of dir.names.values()) if (node.kind === 'file') files.add(node);
  }
  for (const file of files) crashContent(file, random);
}
