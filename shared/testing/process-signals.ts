import { execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

/**
 * Stops a process (SIGSTOP) and waits until none of its threads runs: each stops at its own next chance, and until then
 * the process may answer. SIGCONT lets it go on.
 */
export async function pauseProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await untilPaused(pid);
}

/** Waits until a process that somebody stops, itself perhaps, is stopped. */
export async function untilPaused(pid: number): Promise<void> {
  const look = async (): Promise<void> => {
    const states = await (process.platform === 'linux' ? threadStates(pid) : processState(pid));
    if (!states.every((state) => state === 'T')) throw new Error(`process ${pid} still runs: ${states.join(' ')}`);
  };
  await eventually(look, { everyMs: 2 });
}

/** The state of each thread: the letter behind the name in brackets (proc_pid_stat(5)). */
async function threadStates(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'latin1')));
  return stats.map((stat) => stat.charAt(stat.lastIndexOf(')') + 2));
}

async function processState(pid: number): Promise<string[]> {
  const { stdout } = await run('ps', ['-o', 'state=', '-p', String(pid)]);
  return [stdout.trim().charAt(0)];
}

/** SIGKILL, and wait for the end. */
export async function killChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
