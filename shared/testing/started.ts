import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from 'vitest';
import { killChild } from './process-signals.ts';

/** What a test starts, ended with it: the last one first, also when the start of the rest fails or takes too long. */
export interface Started {
  /** Waits for something that is being started. What comes after the end is ended at once. */
  use<T extends AsyncDisposable>(starting: PromiseLike<T>): Promise<T>;
  /** Something that is there. */
  keep<T extends AsyncDisposable>(one: T): T;
  /** Killed at the end unless it has ended. */
  child<T extends ChildProcess>(child: T): T;
  /** A temporary folder; its name begins with `prefix`. */
  folder(prefix: string): Promise<string>;
  defer(end: () => unknown): void;
}

/** The one way in which a suite ends what it starts; call it at the suite's top, above the hooks. */
export const endAfterAll = (): Started => endAfter(afterAll);

/** The same for what each test, or the hook before it, starts. */
export const endAfterEach = (): Started => endAfter(afterEach);

/** `hook` runs what it is given each time that a test or a suite is over, well or not. */
export function endAfter(hook: (end: () => Promise<void>) => void): Started {
  let stack = new AsyncDisposableStack();
  hook(async () => {
    const over = stack;
    stack = new AsyncDisposableStack();
    await over.disposeAsync();
  });
  const defer: Started['defer'] = (end) => stack.defer(async () => void (await end()));
  return {
    async use(starting) {
      const own = stack;
      const one = await starting;
      if (!own.disposed) return own.use(one);
      await one[Symbol.asyncDispose]();
      throw new Error('what was started came after its test was over');
    },
    keep: (one) => stack.use(one),
    child(child) {
      defer(() => killChild(child));
      return child;
    },
    async folder(prefix) {
      const path = await mkdtemp(join(tmpdir(), prefix));
      defer(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
      return path;
    },
    defer,
  };
}
