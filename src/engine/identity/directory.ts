/**
 * Owns: where a table is against where its metadata says it is. Looks, and touches nothing but a
 * probe in the table's own directory: what is at the recorded place may be somebody else's.
 *
 * | recorded place | is this very directory (a probe put here shows there) | answer |
 * | this path | - | here, or how it came here when it was relocated |
 * | another path, a table of this uuid is there | yes: another name for it | here |
 * | another path, a table of this uuid is there | no | copied |
 * | another path, nothing of it is there or it cannot be read | - | moved |
 * llp/0017
 */
import { unlinkIfAny } from '../../core/durable-fs.ts';
import { HypError } from '../../core/errors.ts';
import { directoryOf, locationOf } from '../../../storage/iceberg/locations.ts';
import { readMetadata, versionOfName } from '../../../storage/iceberg/metadata-file.ts';
import { RELOCATED, relocateTable } from '../../../storage/iceberg/relocate.ts';
import { metadataDir } from '../../../storage/layout.ts';
import type { Table, TableHead } from '../../../storage/table.ts';
import type { EngineContext } from '../context.ts';
import type { DirectoryEvidence } from './identity.ts';

export async function directoryEvidence(
  context: EngineContext,
  table: Table,
  head: TableHead,
): Promise<DirectoryEvidence> {
  const { location, tableUuid, properties } = head.value;
  const recorded = pathOf(location);
  if (recorded === undefined || location === locationOf(table.dir)) {
    const how = properties[RELOCATED];
    return how === 'copied' || how === 'moved' ? how : 'here';
  }
  if ((await uuidAt(context, recorded)) !== tableUuid) return 'moved';
  return (await isSameDirectory(context, table.dir, recorded)) ? 'here' : 'copied';
}

/** undefined for a location that is no path of this machine. */
function pathOf(location: string): string | undefined {
  try {
    return directoryOf(location);
  } catch (error) {
    if (error instanceof HypError) return undefined;
    throw error;
  }
}

/** Of the newest version in `dir`; whatever cannot be read there is not this table. */
async function uuidAt(context: EngineContext, dir: string): Promise<string | undefined> {
  try {
    const names = await context.fs.readdir(metadataDir(dir));
    const versions = names.map(versionOfName).filter((version) => version !== undefined);
    const path = `${metadataDir(dir)}/v${Math.max(...versions)}.metadata.json`;
    return readMetadata(await context.fs.readFile(path), path).tableUuid;
  } catch {
    return undefined;
  }
}

async function isSameDirectory(
  context: EngineContext,
  dir: string,
  other: string,
): Promise<boolean> {
  const name = `.${context.random.uuid()}.probe`;
  await (await context.fs.create(`${dir}/${name}`)).close();
  try {
    return (await context.fs.stat(`${other}/${name}`)) !== undefined;
  } finally {
    await unlinkIfAny(context.fs, `${dir}/${name}`);
  }
}

/** Tables whose recorded place is another name for their directory: looked at once a process. */
const aliases = new WeakSet<Table>();

/**
 * Relocates a table that was moved or copied, before anything is appended to it. 'conflict': the
 * head is another one by now, load it.
 */
export async function settleTable(
  context: EngineContext,
  table: Table,
  head: TableHead | undefined,
): Promise<'settled' | 'conflict'> {
  if (head === undefined || head.value.location === locationOf(table.dir)) return 'settled';
  if (aliases.has(table)) return 'settled';
  const how = await directoryEvidence(context, table, head);
  if (how === 'here') {
    aliases.add(table);
    return 'settled';
  }
  const { dataset } = table;
  const facts = { dataset, how, from: head.value.location, to: table.dir };
  context.observe({ type: 'decision', action: 'table relocated', level: 'warn', facts });
  await relocateTable(table, context, head, how);
  return 'conflict';
}
