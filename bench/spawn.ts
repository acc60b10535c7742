/**
 * Owns: running one task of tasks.ts as a child, on one core where the system can pin it.
 * llp/0016
 */
import { execFile, execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Task, TaskResult } from './tasks.ts';

const TASKS = join(dirname(fileURLToPath(import.meta.url)), 'tasks.js');
/** Runs what follows on the first core, where there is such a command. */
const PIN = ['taskset', '-c', '0'] as const;

const execute = promisify(execFile);

function hasTaskset(): boolean {
  try {
    const [command, ...args] = PIN;
    execFileSync(command, [...args, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** True when tasks run on one core each; false: they may use all there are. */
export const pinned = hasTaskset();

/** Runs `task` to its end. `nodeArgs` are for the child's node. */
export async function runTask(task: Task, nodeArgs: readonly string[] = []): Promise<TaskResult> {
  const command = [process.execPath, ...nodeArgs, TASKS, JSON.stringify(task)];
  const [file = '', ...args] = pinned ? [...PIN, ...command] : command;
  try {
    const { stdout } = await execute(file, args, { maxBuffer: 1 << 20 });
    return JSON.parse(stdout) as TaskResult;
  } catch (error) {
    const { stderr } = error as { readonly stderr?: string };
    throw new Error(`${task.kind} failed: ${stderr ?? String(error)}`, { cause: error });
  }
}

/** SQL text of a string. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
