import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pause } from '#shared/runtime/clock.ts';
import { within } from '#shared/runtime/within.ts';
import { hasCondition } from '../controllers/conditions.ts';
import type { Container, Pod } from '../objects/workloads.ts';
import type { KubeletConfig } from './config.ts';
import { signalGroup, type Guard } from './guard.ts';
import { PodApi, type PodApiContext } from './pod-api.ts';
import type { PodAddress, PodAddresses } from './pod-addresses.ts';
import { mountsOf, onMachine, podFolder } from './pod-volumes.ts';
import { podStatus, type PodFacts, type Terminated } from './pod-status.ts';
import { runProbes } from './probes.ts';
import {
  commandOfImage,
  ContainerRefusedError,
  expand,
  pidAnnotation,
  podPortAnnotation,
  resolveEnv,
  secretsOf,
  type ContainerCommand,
} from './resolve-command.ts';

export interface PodWorkerContext extends PodApiContext {
  config: KubeletConfig;
  guard: Guard;
  addresses: PodAddresses;
  hostIp: string;
}

/** A container that ran this long has its back-off forgotten, milliseconds. */
const calmMs = 600_000;

/**
 * Runs one pod: start, probes, restart with back-off, and on deletion preStop → SIGTERM → grace → SIGKILL → gone.
 * It lives until the pod's object is gone, whatever the API server does in between.
 */
export class PodWorker implements AsyncDisposable {
  readonly #context: PodWorkerContext;
  readonly #container: Container;
  readonly #api: PodApi;
  /** Aborted when the pod shall end; the reason is the grace in seconds. */
  readonly #ending = new AbortController();
  /** Aborted when nothing is to be said about the pod any more. */
  readonly #over = new AbortController();
  readonly #done: Promise<void>;
  #pod: Pod;
  #facts: PodFacts;
  #child: (ChildProcess & { pid: number }) | undefined;
  #writing: Promise<void> | undefined;
  #dirty = false;

  constructor(pod: Pod, context: PodWorkerContext) {
    const [container] = pod.spec.containers;
    if (container === undefined) throw new Error(`Pod ${pod.metadata.name} has no container.`);
    this.#pod = pod;
    this.#context = context;
    this.#container = container;
    this.#api = new PodApi(pod, context);
    this.#facts = factsBefore(pod, context.hostIp, this.#api.now());
    this.#done = this.#run().catch((error: unknown) => {
      context.log.error({ err: error, pod: pod.metadata.name }, 'kubelet.pod_failed');
    });
    this.update(pod);
  }

  /** A newer state of the pod's object. */
  update(pod: Pod): void {
    this.#pod = pod;
    const { deletionTimestamp, deletionGracePeriodSeconds = 30 } = pod.metadata;
    if (deletionTimestamp !== undefined && !this.#ending.signal.aborted) this.#ending.abort(deletionGracePeriodSeconds);
    // Somebody else's word, as a node controller's about a kubelet that it did not hear: this one knows better.
    if (this.#facts.ready && !hasCondition(pod.status, 'Ready')) this.#say({});
  }

  /** The object is gone: so is the pod, at once. */
  async forget(): Promise<void> {
    this.#over.abort();
    this.#ending.abort(0);
    if (this.#child !== undefined) signalGroup(this.#child.pid, 'SIGKILL');
    await this.#done;
  }

  /** The kubelet ends: its pods end with it, their objects stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.#ending.abort(this.#context.config.FAIRWAY_KUBELET_STOP_MS / 1000);
    await this.#done;
  }

  async #run(): Promise<void> {
    const { addresses, config } = this.#context;
    const containerPort = this.#container.ports?.[0]?.containerPort ?? 0;
    const address = await addresses.allocate(containerPort);
    try {
      this.#say({ address });
      let backOffMs = config.FAIRWAY_KUBELET_BACKOFF_MS;
      while (!this.#ending.signal.aborted) {
        const startedAt = this.#context.clock.monotonic();
        const end = await this.#runContainer(address);
        if (this.#ending.signal.aborted || this.#isFinal(end)) break;
        if (this.#context.clock.monotonic() - startedAt > calmMs) backOffMs = config.FAIRWAY_KUBELET_BACKOFF_MS;
        await this.#backOff(end, backOffMs);
        backOffMs = Math.min(backOffMs * 2, config.FAIRWAY_KUBELET_BACKOFF_MAX_MS);
      }
      if (!this.#ending.signal.aborted) await once(this.#ending.signal, 'abort');
      await this.#writing;
      await this.#api.finish(this.#over.signal);
    } finally {
      const root = config.FAIRWAY_KUBELET_VOLUME_DIR;
      if (root !== undefined) await rm(podFolder(this.#pod, root), { recursive: true, force: true });
      addresses.release(address);
    }
  }

  /** One life of the container: its end, or the reason why it could not begin. */
  async #runContainer(address: PodAddress): Promise<Terminated | ContainerRefusedError> {
    let command: ContainerCommand;
    try {
      command = await this.#resolve(address);
    } catch (error) {
      if (error instanceof ContainerRefusedError) return error;
      throw error;
    }
    const log = openLog(this.#pod, this.#context.config.FAIRWAY_KUBELET_LOG_DIR);
    const child = await this.#context.guard.start({ ...command, log }).finally(() => {
      if (log !== undefined) closeSync(log);
    });
    this.#child = child;
    const startedAt = this.#api.now();
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const containerId = `process://${child.pid}`;
    this.#say({ state: { running: { startedAt } }, containerId, started: false, ready: false });
    const annotations = { [podPortAnnotation]: String(address.port), [pidAnnotation]: String(child.pid) };
    void this.#api.annotate(annotations, this.#over.signal);
    const ended = new AbortController();
    const probing = runProbes(this.#container, address, {
      clock: this.#context.clock,
      signal: ended.signal,
      started: () => this.#say({ started: true }),
      ready: (ready) => this.#say({ ready }),
      fail: (why) => void this.#kill(child, exited, why),
    });
    const ending = this.#endOnRequest(child, exited, ended.signal);
    const [code, signal] = await exited;
    ended.abort();
    await Promise.all([probing, ending]);
    this.#child = undefined;
    const terminated = describeEnd(code, signal, { startedAt, finishedAt: this.#api.now() });
    this.#say({ state: { terminated }, ready: false, started: false });
    return terminated;
  }

  async #resolve(address: PodAddress): Promise<ContainerCommand> {
    const { config } = this.#context;
    const secrets = await this.#api.secrets(secretsOf(this.#container), this.#ending.signal);
    const env = resolveEnv(this.#pod, this.#container, { address, secrets });
    const given = [...(this.#container.command ?? []), ...(this.#container.args ?? [])].map((arg) => expand(arg, env));
    const mounts = await this.#mount();
    const own = given.map((arg) => onMachine(portOf(arg, this.#container, address), mounts));
    const [file, ...args] = commandOfImage(this.#container.image, config.FAIRWAY_KUBELET_IMAGES, own);
    const base = { ...inheritedEnv(), FAIRWAY_EXIT_ON_STDIN_END: '1', ...config.FAIRWAY_KUBELET_POD_ENV };
    const placed = Object.entries(env).map(([name, value]) => [name, onMachine(value, mounts)] as const);
    return { file, args, env: { ...base, ...Object.fromEntries(placed) } };
  }

  /** Makes the folders of the container's mounts, which stay until the pod is gone. */
  async #mount(): Promise<Record<string, string>> {
    const root = this.#context.config.FAIRWAY_KUBELET_VOLUME_DIR;
    const mounts = root === undefined ? {} : mountsOf(this.#pod, this.#container, root);
    for (const folder of Object.values(mounts)) await mkdir(folder, { recursive: true });
    return mounts;
  }

  /** Waits for the request to end, then leads the container to its end within the grace. */
  async #endOnRequest(
    child: ChildProcess & { pid: number },
    exited: Promise<unknown>,
    gone: AbortSignal,
  ): Promise<void> {
    const request = this.#ending.signal;
    if (!request.aborted) await Promise.race([once(request, 'abort'), exited]);
    if (gone.aborted || !request.aborted) return;
    const graceMs = Number(request.reason) * 1000;
    const preStopMs = Math.min((this.#container.lifecycle?.preStop.sleep.seconds ?? 0) * 1000, graceMs);
    const { clock } = this.#context;
    if (!this.#over.signal.aborted) await pause(clock, preStopMs, gone);
    if (gone.aborted) return;
    signalGroup(child.pid, 'SIGTERM');
    await pause(clock, Math.max(graceMs - preStopMs, 0), gone);
    if (!gone.aborted) signalGroup(child.pid, 'SIGKILL');
  }

  /** Ends a container whose probe failed; the pod stays. */
  async #kill(child: ChildProcess & { pid: number }, exited: Promise<unknown>, why: string): Promise<void> {
    const message = `Container ${this.#container.name} ${why}, will be restarted`;
    void this.#api.note({ type: 'Warning', reason: 'Unhealthy', message });
    signalGroup(child.pid, 'SIGTERM');
    const graceMs = this.#pod.spec.terminationGracePeriodSeconds * 1000;
    await within(exited, graceMs, { clock: this.#context.clock, signal: this.#over.signal }).catch(() => {});
    signalGroup(child.pid, 'SIGKILL');
  }

  #isFinal(end: Terminated | ContainerRefusedError): boolean {
    if (end instanceof ContainerRefusedError) return false;
    const { restartPolicy } = this.#pod.spec;
    const failed = end.exitCode !== 0;
    if (restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && failed)) return false;
    this.#say({ outcome: failed ? 'Failed' : 'Succeeded' });
    return true;
  }

  /** Waits before the next start, and says so as a real kubelet does. */
  async #backOff(end: Terminated | ContainerRefusedError, waitMs: number): Promise<void> {
    const refused = end instanceof ContainerRefusedError;
    const reason = refused ? end.reason : 'CrashLoopBackOff';
    const message = refused ? end.message : `back-off ${waitMs} ms restarting failed container ${this.#container.name}`;
    void this.#api.note({ type: 'Warning', reason: refused ? 'Failed' : 'BackOff', message });
    this.#say({ state: { waiting: { reason, message } }, ...(refused ? {} : { last: end }) });
    await pause(this.#context.clock, waitMs, this.#ending.signal);
    if (!refused) this.#facts = { ...this.#facts, restarts: this.#facts.restarts + 1 };
  }

  /** Remembers a change and writes the newest state, one write at a time. */
  #say(change: Partial<PodFacts>): void {
    this.#facts = { ...this.#facts, ...change };
    this.#dirty = true;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  async #write(): Promise<void> {
    while (this.#dirty && !this.#over.signal.aborted) {
      this.#dirty = false;
      const status = podStatus(this.#pod, this.#pod.status ?? {}, { ...this.#facts, now: this.#api.now() });
      this.#pod = { ...this.#pod, status };
      await this.#api.writeStatus(status, this.#over.signal);
    }
  }
}

/** A pod that ran before under another kubelet counts as restarted: its process ended with that kubelet. */
function factsBefore(pod: Pod, hostIp: string, now: string): PodFacts {
  const statuses = pod.status?.['containerStatuses'];
  const [before] = Array.isArray(statuses) ? statuses : [];
  const restarts = before === undefined ? 0 : Number((before as { restartCount?: number }).restartCount ?? 0) + 1;
  return {
    address: undefined,
    hostIp,
    state: { waiting: { reason: 'ContainerCreating' } },
    last: undefined,
    restarts,
    started: false,
    ready: false,
    containerId: undefined,
    outcome: undefined,
    startTime: now,
  };
}

/** Where pods share an address, an argument that is the container's port, or a flag's value in it, becomes the pod's own. */
function portOf(arg: string, container: Container, { port }: PodAddress): string {
  const [value, flag = ''] = arg.split(/(?<==)/).toReversed();
  return value === String(container.ports?.[0]?.containerPort) ? `${flag}${port}` : arg;
}

/** All that a pod gets of the kubelet's own environment; a shared compile cache halves the memory of Node processes. */
function inheritedEnv(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'NODE_COMPILE_CACHE'];
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']).filter(([, value]) => value !== ''));
}

function describeEnd(
  code: number | null,
  signal: NodeJS.Signals | null,
  times: { startedAt: string; finishedAt: string },
): Terminated {
  const number = signal === null ? undefined : constants.signals[signal];
  const exitCode = code ?? 128 + (number ?? 0);
  const reason = exitCode === 0 ? ('Completed' as const) : ('Error' as const);
  return { exitCode, ...(number === undefined ? {} : { signal: number }), reason, ...times };
}

function openLog({ metadata }: Pod, folder: string | undefined): number | undefined {
  if (folder === undefined) return undefined;
  const name = `${metadata.namespace}_${metadata.name}_${(metadata.uid ?? '').slice(0, 8)}.log`;
  return openSync(join(folder, name), 'a', 0o600);
}
