import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '#shared/testing/eventually.ts';
import { killChild } from '#shared/testing/process-signals.ts';
import type { Strain } from '#loadtest/workload/generator/strain.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reporter = join(import.meta.dirname, 'report-strain.ts');

/** A process of ours that tells of its strain; it ends with us, however we end. */
export class Forked implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it and waits until it answers 200 at `readyUrl`. @throws when it ends before. */
  static async start(program: {
    /** From the repository's root. */
    readonly main: string;
    readonly args?: readonly string[];
    readonly nodeFlags?: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly readyUrl: string;
  }): Promise<Forked> {
    const { main, args = [], nodeFlags = [], env, readyUrl } = program;
    const child = fork(join(root, main), [...args], {
      execArgv: [...nodeFlags, '--import', reporter],
      env: { ...process.env, ...env, FAIRWAY_EXIT_ON_STDIN_END: '1', FAIRWAY_LOG_LEVEL: 'error' },
      stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
    });
    const forked = new Forked(child);
    try {
      await eventually(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const { ok } = await fetch(readyUrl, { signal: AbortSignal.timeout(2000) });
        if (!ok) throw new Error(`${main} is not ready`);
      });
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${main} ended at once`);
      return forked;
    } catch (error) {
      await forked[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What was before does not count. */
  begin(): void {
    this.#child.send('begin');
  }

  async strain(): Promise<Strain> {
    const told = once(this.#child, 'message');
    this.#child.send('tell');
    const [strain] = (await told) as [Strain];
    return strain;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return killChild(this.#child);
  }
}
