import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#shared/runtime/clock.ts';
import { onFreePort } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { skipUnless } from '#shared/testing/skips.ts';
import type { KubeEndpoint } from '../client/kube-http.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { Guard, signalGroup } from '../kubelet/guard.ts';
import { ensureKubernetes } from '../real/build-kubernetes.ts';
import { adminKubeconfig, prepareControlPlane, type ControlPlanePart } from '../real/control-plane.ts';
import { findKubernetes, KubernetesMissingError } from '../real/kubernetes-binaries.ts';

/** The programs of a real control plane, or the options that skip what needs them, which say why they are missing. */
export interface FoundKubelab {
  binaries: string;
  unless: { skip: boolean };
}

/** Where a test has a real control plane; `what` says what for. With FAIRWAY_REQUIRE=all or FAIRWAY_KUBELAB=build it is built. */
export async function findKubelab(what: string): Promise<FoundKubelab> {
  const build = process.env['FAIRWAY_REQUIRE'] === 'all' || process.env['FAIRWAY_KUBELAB'] === 'build';
  const patient = { tell: () => {}, signal: new AbortController().signal, clock: systemClock };
  try {
    const binaries = await (build ? ensureKubernetes(patient) : findKubernetes());
    return { binaries, unless: { skip: false } };
  } catch (error) {
    if (!(error instanceof KubernetesMissingError)) throw error;
    return { binaries: '', unless: skipUnless(false, { what: `${what}: ${error.message}`, how: error.how }) };
  }
}

/** What a control plane of a test gets to start, milliseconds. */
const startTimeoutMs = 60_000;

/** A real control plane of a test. */
export interface Kubelab extends KubeEndpoint, AsyncDisposable {
  kubeconfigPath: string;
  /** Ends a part with SIGKILL and starts it again, where it was and with what it had. */
  restart(name: ControlPlanePart['name']): Promise<void>;
}

/**
 * Starts a real control plane in a temporary folder, without kubelet; it ends when this process ends, however it ends.
 * `apiArgs` are more flags of kube-apiserver.
 */
export function startKubelab(binaries: string, apiArgs: readonly string[] = []): Promise<Kubelab> {
  return onFreePort((port) => startOn(port, binaries, apiArgs));
}

async function startOn(port: number, binaries: string, apiArgs: readonly string[]): Promise<Kubelab> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'fairway-lab-'));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const guard = stack.use(new Guard());
  const parts = await prepareControlPlane({ binaries, folder, port, apiArgs });
  const alive = new Map<string, AsyncDisposable>();
  for (const part of parts) {
    stack.defer(() => alive.get(part.name)?.[Symbol.asyncDispose]());
    alive.set(part.name, await startPart(part, { folder, guard }));
  }
  const running = stack.move();
  const kubeconfigPath = adminKubeconfig(folder);
  return {
    ...(await readKubeconfig(kubeconfigPath)),
    kubeconfigPath,
    async restart(name) {
      await alive.get(name)?.[Symbol.asyncDispose]();
      for (const part of parts) if (part.name === name) alive.set(name, await startPart(part, { folder, guard }));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function startPart(
  { name, command, args, ready }: ControlPlanePart,
  { folder, guard }: { folder: string; guard: Guard },
): Promise<AsyncDisposable> {
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, 'a', 0o600);
  const child = await guard.start({ file: command, args, env: { HOME: folder }, log }).finally(() => closeSync(log));
  const exited = once(child, 'exit');
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const end = async (): Promise<void> => {
    if (!ended()) signalGroup(child.pid, 'SIGKILL');
    await exited;
  };
  try {
    await eventually(async () => ended() || ready(), { timeoutMs: startTimeoutMs, everyMs: 20 });
    if (ended()) throw new Error('it has ended');
    return { [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    const said = (await readFile(logFile, 'utf8')).slice(-4000);
    throw new Error(`${name} did not become ready: ${String(error)}\n${said}`, { cause: error });
  }
}
