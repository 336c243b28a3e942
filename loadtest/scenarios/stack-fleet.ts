import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { pauseProcess } from '#shared/testing/process-signals.ts';
import { treeCpuMs } from '#loadtest/bench/process-cpu.ts';
import { listReplicas } from '#loadtest/stack/list-replicas.ts';
import type { Scenario } from '#loadtest/virtual/scenario.ts';
import type { Strain } from '#loadtest/workload/generator/strain.ts';
import { treeRssBytes } from '#loadtest/workload/generator/watched-processes.ts';
import { engineKey } from '#loadtest/workload/engine-key.ts';
import type { Fleet, SocketFault } from './fleet.ts';
import { requestsAt, slowDown } from './replica-calls.ts';

const reportSchema = z.object({
  inference: z.object({ url: z.string(), token: z.string(), model: z.string(), endpointId: z.string() }),
  cluster: z.object({ kubeconfig: z.string() }),
  processes: z.array(z.object({ name: z.string(), pid: z.int() })),
});

type Report = z.infer<typeof reportSchema>;

/**
 * The stack that `npm run dev -- --json FILE` runs: its control plane, NATS, Redis, routers, and the replicas of its demo
 * endpoint. Whoever dies there is started again by the stack itself, as soon as it can.
 */
export class StackFleet implements Fleet {
  readonly url: string;
  readonly token: string;
  readonly model: string;
  readonly #file: string;
  readonly #cpuMs = new Map<number, number>();

  private constructor(file: string, { inference }: Report) {
    this.#file = file;
    this.url = inference.url;
    this.token = inference.token;
    this.model = inference.model;
  }

  /** @throws ConfigError for a file of another kind, and a stack of another size than the scenario's */
  static async of(file: string, { routers, replicas }: Scenario): Promise<StackFleet> {
    const fleet = new StackFleet(file, await readReport(file));
    const [routersThere, replicasThere] = [(await fleet.#routers()).length, (await fleet.#replicas()).length];
    if (routersThere !== routers || replicasThere !== replicas)
      throw new ConfigError(
        `The stack has ${replicasThere} replicas and ${routersThere} routers, the scenario ${replicas} and ${routers}: ` +
          `npm run dev -- --replicas ${replicas} --routers ${routers} --time-scale X --json ${file}`,
      );
    return fleet;
  }

  async begin(): Promise<void> {
    for (const pid of await this.#routers()) this.#cpuMs.set(pid, await treeCpuMs(pid));
  }

  /** How late loops are nobody says there. Routers that were started meanwhile count from their start. */
  async strain(): Promise<{ readonly routers: readonly Strain[]; readonly replicas: readonly Strain[] }> {
    const routers = await Promise.all((await this.#routers()).map((pid) => this.#strainOf(pid)));
    return { routers: routers.filter((strain) => strain !== undefined), replicas: [] };
  }

  async #strainOf(pid: number): Promise<Strain | undefined> {
    const cpuMs = await treeCpuMs(pid).catch(() => undefined);
    if (cpuMs === undefined) return undefined;
    const cpuSeconds = (cpuMs - (this.#cpuMs.get(pid) ?? 0)) / 1000;
    return { lateMs: 0, cpuSeconds, rssMaxBytes: await treeRssBytes(pid) };
  }

  async inFlight(): Promise<number[]> {
    return Promise.all((await this.#replicas()).map(({ url }) => requestsAt(url)));
  }

  async suffer(fault: SocketFault, wait: (seconds: number) => Promise<void>): Promise<void> {
    switch (fault.kind) {
      case 'slow':
        for (const { url } of (await this.#replicas()).slice(0, fault.replicas))
          await slowDown(url, { key: await this.#key(url), factor: fault.factor });
        return;
      case 'kill-replica':
        return kill((await this.#replicas())[fault.index]?.pid);
      case 'kill-router':
        return kill((await this.#routers())[fault.index]);
      case 'pause-router':
        return standStill((await this.#routers())[fault.index], () => wait(fault.seconds));
      case 'redis':
        return standStill((await this.#pidsOf(/^redis/))[0], () => wait(fault.seconds));
    }
  }

  /** It is somebody else's, and goes on. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #replicas(): ReturnType<typeof listReplicas> {
    const { cluster, inference } = await readReport(this.#file);
    const replicas = await listReplicas(cluster.kubeconfig, inference.endpointId);
    return replicas.toSorted((one, other) => one.url.localeCompare(other.url));
  }

  #routers(): Promise<readonly number[]> {
    return this.#pidsOf(/^router/);
  }

  /** Read anew: the stack writes it again when it has started something again. */
  async #pidsOf(name: RegExp): Promise<readonly number[]> {
    const { processes } = await readReport(this.#file);
    const found = processes.filter((one) => name.test(one.name));
    return found.toSorted((one, other) => one.name.localeCompare(other.name)).map(({ pid }) => pid);
  }

  async #key(url: string): Promise<string> {
    const { cluster, inference } = await readReport(this.#file);
    return engineKey(cluster.kubeconfig, inference.endpointId, url);
  }
}

async function readReport(file: string): Promise<Report> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const { data } = reportSchema.safeParse(parseJson(text));
  if (data !== undefined) return data;
  throw new ConfigError(`${file} is not what a stack writes that is up. Start one: npm run dev -- --json ${file}`);
}

function kill(pid: number | undefined): void {
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

async function standStill(pid: number | undefined, wait: () => Promise<void>): Promise<void> {
  if (pid === undefined) return;
  await pauseProcess(pid);
  try {
    await wait();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
