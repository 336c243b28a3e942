import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '#shared/testing/eventually.ts';
import { killChild, pauseProcess } from '#shared/testing/process-signals.ts';
import type { Strain } from '#loadtest/workload/generator/strain.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reporter = join(import.meta.dirname, 'report-strain.ts');

/** What is run, and how it says that it is ready. */
export interface Program {
  /** From the repository's root. */
  readonly main: string;
  readonly args?: readonly string[];
  readonly nodeFlags?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly readyUrl: string;
}

/** A process of ours that tells of its strain. It may die and come back at its place, and ends with us, however we end. */
export class Forked implements AsyncDisposable {
  readonly #program: Program;
  #child: ChildProcess;

  private constructor(program: Program) {
    this.#program = program;
    this.#child = launch(program);
  }

  /** Starts it and waits until it answers 200 at `readyUrl`. @throws when it ends before. */
  static async start(program: Program): Promise<Forked> {
    const forked = new Forked(program);
    await forked.#untilReady();
    return forked;
  }

  /** What was before does not count. */
  begin(): void {
    if (isThere(this.#child)) this.#child.send('begin');
  }

  /** Since it was told to begin, or since its start; undefined while it is not there. */
  async strain(): Promise<Strain | undefined> {
    if (!isThere(this.#child)) return undefined;
    const told = once(this.#child, 'message');
    this.#child.send('tell');
    const [strain] = (await told) as [Strain];
    return strain;
  }

  /** SIGKILL, and wait for the end. */
  kill(): Promise<void> {
    return killChild(this.#child);
  }

  /** Starts it again, with nothing that it knew. @throws when it ends before it is ready */
  async restart(): Promise<void> {
    await this.kill();
    this.#child = launch(this.#program);
    await this.#untilReady();
  }

  /** It stands still until it is resumed. */
  pause(): Promise<void> {
    return pauseProcess(this.#child.pid ?? 0);
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #untilReady(): Promise<void> {
    const { main, readyUrl } = this.#program;
    try {
      await eventually(async () => {
        if (!isThere(this.#child)) return;
        const { ok } = await fetch(readyUrl, { signal: AbortSignal.timeout(2000) });
        if (!ok) throw new Error(`${main} is not ready`);
      });
      if (!isThere(this.#child)) throw new Error(`${main} ended at once`);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }
}

function launch({ main, args = [], nodeFlags = [], env }: Program): ChildProcess {
  return fork(join(root, main), [...args], {
    execArgv: [...nodeFlags, '--import', reporter],
    env: { ...process.env, ...env, FAIRWAY_EXIT_ON_STDIN_END: '1', FAIRWAY_LOG_LEVEL: 'error' },
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
}

function isThere({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
