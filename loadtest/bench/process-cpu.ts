import { readdir, readFile } from 'node:fs/promises';

/**
 * CPU milliseconds, user and system, that a process, its threads and its children have taken so far. Linux only:
 * `/proc/PID/task/TID/schedstat` (proc_pid_schedstat) has nanoseconds, `stat` only hundredths of a second. What ended before is not in it.
 */
export async function treeCpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = threads.map(async (thread) => {
    const [spent, children] = await Promise.all([
      read(`/proc/${pid}/task/${thread}/schedstat`),
      read(`/proc/${pid}/task/${thread}/children`),
    ]);
    const theirs = await Promise.all(pidsOf(children).map(treeCpuMs));
    return theirs.reduce((sum, each) => sum + each, spentMs(spent));
  });
  return (await Promise.all(times)).reduce((sum, each) => sum + each, 0);
}

/** The first number of a `schedstat`: nanoseconds on a CPU. */
export function spentMs(schedstat: string): number {
  return Number(schedstat.split(' ', 1)[0]) / 1e6;
}

/** The process ids of a `children` file: between blanks. */
export function pidsOf(children: string): number[] {
  return children.split(' ').filter(Boolean).map(Number);
}

/** Of a thread that has ended meanwhile there is nothing. */
async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
