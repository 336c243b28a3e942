import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import { buildCost, findKubernetes, goEnv, KubernetesMissingError, recipe } from './kubernetes-binaries.ts';

/** Who waits for a build: `tell` hears what it costs and how it goes on. */
export interface BuildContext {
  tell: (text: string) => void;
  signal: AbortSignal;
  clock: Clock;
}

const tellEveryMs = 20_000;

/** The folder that `findKubernetes` finds; it is built when it is missing. @throws KubernetesMissingError */
export async function ensureKubernetes(context: BuildContext): Promise<string> {
  return findKubernetes().catch((error: unknown) => {
    if (error instanceof KubernetesMissingError) return build(context);
    throw error;
  });
}

/** When the signal aborts, the build ends; the next one goes on where it was. */
async function build({ tell, signal, clock }: BuildContext): Promise<string> {
  await goEnv();
  signal.throwIfAborted();
  tell(`building a real kube-apiserver from Go modules, ${buildCost}`);
  const child = spawn(join(recipe, 'build.sh'), { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const stop = (): void => void (child.exitCode ?? process.kill(-(child.pid ?? 0), 'SIGTERM'));
  signal.addEventListener('abort', stop, { once: true });
  const said: string[] = [];
  let path = '';
  createInterface({ input: child.stderr }).on('line', (line) => void said.splice(0, said.length - 11, line));
  createInterface({ input: child.stdout }).on('line', (line) => void (path = line));
  const startedAt = clock.monotonic();
  const loop = { name: 'tell', everyMs: tellEveryMs, clock, log: silentLogger(), immediately: false };
  await using _telling = startLoop(loop, () => {
    const minutes = ((clock.monotonic() - startedAt) / 60_000).toFixed(1);
    tell(['still building', `${minutes} minutes so far`, ...said.slice(-1)].join('; '));
  });
  try {
    const [code] = await closed;
    signal.throwIfAborted();
    if (code === 0) return dirname(path);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  throw new KubernetesMissingError(`its build failed:\n${said.join('\n')}`, 'mend that and run the command again');
}
