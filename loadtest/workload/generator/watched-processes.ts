import { readFile } from 'node:fs/promises';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { pidsOf, treeCpuMs } from '#loadtest/bench/process-cpu.ts';
import type { ProcessUse } from '#loadtest/record/figures.ts';

/** The target's processes on this machine, with all that descend from them: what they take, out of Linux's `/proc`. */
export class WatchedProcesses {
  readonly #pids: readonly number[];
  readonly #gone = new Set<number>();
  readonly #cpuMs = new Map<number, number>();
  #cpuMsBefore = 0;
  #rssMaxBytes = 0;

  private constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  /** @param named process ids, and files that hold one. @throws ConfigError for one that is not there */
  static async of(named: readonly string[]): Promise<WatchedProcesses> {
    const watched = new WatchedProcesses(await Promise.all(named.map(pidOf)));
    await watched.look();
    const [gone] = watched.#gone;
    if (gone !== undefined)
      throw new ConfigError(
        process.platform === 'linux'
          ? `There is no process ${gone}. Correct --pids.`
          : 'What processes take is read out of /proc, which only Linux has. Leave out --pids.',
      );
    return watched;
  }

  /** Those that have ended meanwhile. */
  get gone(): ReadonlySet<number> {
    return this.#gone;
  }

  /** What was before does not count. */
  async begin(): Promise<void> {
    await this.look();
    this.#cpuMsBefore = this.#cpuMsSum();
    this.#rssMaxBytes = 0;
    await this.look();
  }

  /** Now and then: memory is the most that was seen, and of a process that ends there is nothing to read afterwards. */
  async look(): Promise<void> {
    let rssBytes = 0;
    for (const pid of this.#pids)
      try {
        this.#cpuMs.set(pid, await treeCpuMs(pid));
        rssBytes += await treeRssBytes(pid);
      } catch {
        this.#gone.add(pid);
      }
    this.#rssMaxBytes = Math.max(this.#rssMaxBytes, rssBytes);
  }

  use(): ProcessUse {
    const cpuSeconds = (this.#cpuMsSum() - this.#cpuMsBefore) / 1000;
    return { processes: this.#pids.length, cpuSeconds, rssMaxBytes: this.#rssMaxBytes };
  }

  #cpuMsSum(): number {
    return this.#cpuMs.values().reduce((sum, each) => sum + each, 0);
  }
}

async function pidOf(named: string): Promise<number> {
  const text = /^\d+$/.test(named) ? named : await readFile(named, 'utf8').catch(() => '');
  const pid = Number(text.trim());
  if (Number.isInteger(pid) && pid > 0) return pid;
  throw new ConfigError(`--pids: "${named}" is neither a process id nor a file that holds one.`);
}

/** What is resident of a process and all that descend from it; 0 of one that is not there. */
export async function treeRssBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const theirs = await Promise.all(pidsOf(children).map(treeRssBytes));
  const kibi = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
  return theirs.reduce((sum, each) => sum + each, 1024 * kibi);
}
