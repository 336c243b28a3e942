import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostLabel } from '#shared/contract/ids.ts';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startBalancer } from './balancer.ts';
import type { DemoEndpoint } from './demo.ts';
import { listReplicas } from './list-replicas.ts';
import type { StackOptions } from './options.ts';
import { choosePorts } from './ports.ts';
import * as processes from './processes.ts';
import type { Progress } from './progress.ts';
import { certificateFolders, hostDomain, loadSecrets, makeCertificates } from './secrets.ts';
import { seedRegion } from './seed-region.ts';
import { natsServer, redisServer } from './servers.ts';
import { findEngine, vllmInCluster } from '../engines/local-engine.ts';
import { openStateFolder } from './state-folder.ts';
import { stackPlace, vpcIdOf } from './stack-place.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';

/** A running stack: addresses, the API token and its processes. */
export interface Stack extends AsyncDisposable {
  controlUrl: string;
  /** Of the first VPC. */
  inferenceUrl: string;
  apiToken: string;
  folder: string;
  /** The certificate that clients of private addresses trust. */
  caFile: string;
  kept: boolean;
  plan: processes.StackPlan;
  supervisor: Supervisor;
}

/**
 * Starts everything: NATS, Redis and the clusters first, then the API, then what needs the API's streams; each as a
 * process of its own under a supervisor. @throws ConfigError with the next command for ports, disk, binaries.
 */
export async function startStack(
  options: StackOptions,
  progress: Progress,
  clock: Clock = systemClock,
): Promise<Stack> {
  await using stack = new AsyncDisposableStack();
  const elsewhere = typeof options.cluster === 'object' && options.engine !== 'sim';
  const engine = elsewhere ? vllmInCluster(options.weights ?? '') : await findEngine(options, process.env);
  const folder = stack.use(await openStateFolder(options.keep));
  const ports = await choosePorts({ ...options, first: options.port });
  const vpcIds = ports.vpcs.map((_, vpc) => vpcIdOf(vpc));
  const secrets = await loadSecrets(folder.path);
  const nats = await natsServer({ folder: folder.path, port: ports.nats, secrets }, vpcIds);
  const redis = await redisServer({ folder: folder.path, port: ports.redis, secrets });
  const plan = { options, engine, ports, secrets, folder: folder.path, nats, redisUrl: redis.url };
  const supervisor = stack.use(createSupervisor(clock, progress));

  // Clusters and Redis come up while NATS gets its streams; whoever needs something that is late waits for it.
  const seeded = async (): Promise<void> => {
    if (nats.spec !== undefined) await supervisor.run(nats.spec);
    const natsUrl = nats.urlOf({ role: 'admin' });
    await seedRegion({ natsUrl, log: silentLogger(), apiToken: secrets.apiToken, vpcIds });
  };
  const cluster = async (vpc: number): Promise<void> => {
    if (typeof options.cluster === 'object') return;
    if (options.cluster === 'embedded') await supervisor.run(processes.clusterProcess(plan, vpc));
    else for (const spec of await processes.realClusterProcesses(plan, vpc)) await supervisor.run(spec);
    await supervisor.run(processes.kubeletProcess(plan, vpc));
  };
  const redisUp = redis.spec === undefined ? Promise.resolve() : supervisor.run(redis.spec);
  const certified = makeCertificates(folder.path, clock.now());
  await allOrFirstError([seeded(), ...vpcIds.map((_, vpc) => cluster(vpc)), redisUp, certified]);
  await allOrFirstError([
    ...ports.regionals.map((_, index) => supervisor.run(processes.regionalProcess(plan, index))),
    supervisor.run(processes.centralProcess(plan)),
    ...Array.from({ length: options.provisioners }, (_, index) =>
      supervisor.run(processes.provisionerProcess(plan, index)),
    ),
    ...ports.vpcs.flatMap(({ routers }, vpc) =>
      routers.map((_, index) => supervisor.run(processes.routerProcess(plan, vpc, index))),
    ),
  ]);
  for (const { inference, privateInference, routers } of ports.vpcs) {
    if (routers.length === 1) continue;
    stack.use(await startBalancer({ port: inference, targets: routers }, clock));
    const targets = routers.map(({ privatePort: port, adminPort }) => ({ port, adminPort }));
    stack.use(await startBalancer({ port: privateInference, targets }, clock));
  }
  const running = stack.move();
  return {
    controlUrl: `http://127.0.0.1:${ports.control}`,
    inferenceUrl: inferenceUrlOf(plan),
    apiToken: secrets.apiToken,
    folder: folder.path,
    caFile: join(certificateFolders(folder.path).authority, 'ca.pem'),
    kept: folder.kept,
    plan,
    supervisor,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Where clients reach the endpoints of a VPC; VPCs are counted from 0. */
export function inferenceUrlOf({ ports }: processes.StackPlan, vpc = 0): string {
  return `http://127.0.0.1:${ports.vpcs[vpc]?.inference}`;
}

/** The private address of an endpoint of the first VPC: curl and browsers find this machine behind it. */
export function privateUrlOf({ ports }: processes.StackPlan, endpointId: string): string {
  return `https://${hostLabel(endpointId)}-private-${hostDomain}:${ports.vpcs[0]?.privateInference}`;
}

/** Waits for all, also when one fails, so that nothing starts behind the back of the clean-up; then throws the first error. */
async function allOrFirstError(work: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** The address of NATS for each role. */
function natsUsers({ nats }: processes.StackPlan): Record<string, string> {
  const { region, vpcId, team } = stackPlace;
  return {
    admin: nats.urlOf({ role: 'admin' }),
    central: nats.urlOf({ role: 'central' }),
    regional: nats.urlOf({ role: 'regional', region }),
    provisioner: nats.urlOf({ role: 'provisioner', region }),
    router: nats.urlOf({ role: 'router', vpcId }),
    team: nats.urlOf({ role: 'team', team }),
  };
}

/** Writes what a script needs (`--json`), whole or not at all. */
export async function writeReport(stack: Stack, demo: DemoEndpoint): Promise<void> {
  const { plan } = stack;
  if (plan.options.json === undefined) return;
  const kubeconfig = processes.kubeconfigOf(plan);
  const report = {
    control: { url: stack.controlUrl, token: stack.apiToken, team: stackPlace.team },
    regional: {
      url: `http://127.0.0.1:${plan.ports.regionals[0]}`,
      urls: plan.ports.regionals.map((port) => `http://127.0.0.1:${port}`),
    },
    inference: { url: stack.inferenceUrl, token: demo.token, model: demo.model, endpointId: demo.endpointId },
    nats: { url: plan.nats.url, users: natsUsers(plan) },
    redis: { url: plan.redisUrl },
    cluster: { kubeconfig },
    vpcs: plan.ports.vpcs.map((_, vpc) => ({
      id: vpcIdOf(vpc),
      inferenceUrl: inferenceUrlOf(plan, vpc),
      kubeconfig: processes.kubeconfigOf(plan, vpc),
    })),
    processes: stack.supervisor.list(),
    replicas: await listReplicas(kubeconfig, demo.endpointId).catch(() => []),
  };
  const draft = `${plan.options.json}.${process.pid}.tmp`;
  await writeFile(draft, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, plan.options.json);
}
