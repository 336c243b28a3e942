import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { environment } from '#shared/runtime/environment.ts';
import { killChild } from '#shared/testing/process-signals.ts';
import { treeCpuMs } from '../process-cpu.ts';

/** A process of the benchmark, to talk with in lines of JSON. */
export interface BenchProcess extends AsyncDisposable {
  readonly pid: number;
  cpuMs(): Promise<number>;
  say(value: unknown): void;
  /** The next line. @throws when it has ended instead. */
  hear<T>(): Promise<T>;
}

/** Starts a file of this folder with its job, and more in its environment. */
export function startProcess(file: 'replica' | 'load' | 'floor', job: unknown, env = {}): BenchProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${file}.ts`)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...environment(), ...env },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const say = (value: unknown): void => void child.stdin.write(`${JSON.stringify(value)}\n`);
  say(job);
  return {
    pid: child.pid ?? 0,
    say,
    async hear<T>() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${file} has ended`);
      return JSON.parse(value) as T;
    },
    cpuMs: () => treeCpuMs(child.pid ?? 0),
    [Symbol.asyncDispose]: () => killChild(child),
  };
}
