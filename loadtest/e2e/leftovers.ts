import { execFileSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { streams } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { readLog } from '#shared/runtime/nats/read-log.ts';
import { lookAt } from '#loadtest/cluster/client/kubeconfig.ts';
import { kubeconfigOf, type StackPlan } from '#loadtest/stack/processes.ts';

/**
 * Where an endpoint's id or its namespace still stands: one line per find. Audit, events and tombstones are allowed; with
 * `everywhere` nothing is, and values in Redis are looked at, too.
 */
export async function findLeftovers(
  plan: StackPlan,
  needles: readonly string[],
  everywhere = false,
): Promise<string[]> {
  const found = await Promise.all([
    inNats(plan, needles, everywhere),
    inRedis(plan, needles, everywhere),
    inClusters(plan, needles),
    inProcesses(needles),
  ]);
  return found.flat();
}

async function inNats(plan: StackPlan, needles: readonly string[], everywhere: boolean): Promise<string[]> {
  await using nats = await connectNats({ url: plan.nats.url, name: 'leftovers', log: silentLogger() });
  const found: string[] = [];
  const { desired, status, edge, infra, leases } = streams;
  for (const stream of everywhere ? Object.values(streams) : [desired, status, edge, infra, leases]) {
    for await (const message of readLog(nats, stream.name, '>')) {
      const { subject } = message;
      const text = message.string();
      const mentioned = needles.some((needle) => subject.includes(needle) || text.includes(needle));
      const ends = !everywhere && (text === '' || /"kind":"(tombstone|revoked|released)"|"state":"gone"/.test(text));
      if (mentioned && !ends) found.push(`NATS ${stream.name} ${subject}: ${text.slice(0, 200)}`);
    }
  }
  return found;
}

async function inRedis(plan: StackPlan, needles: readonly string[], values: boolean): Promise<string[]> {
  const redis = new Redis(plan.redisUrl);
  try {
    const keys = await redis.keys('*');
    const dumps = await Promise.all(keys.map(async (key) => (values ? await redis.dumpBuffer(key) : null)));
    const has = (key: string, index: number): boolean =>
      needles.some((needle) => key.includes(needle) || dumps[index]?.includes(needle) === true);
    return keys.filter(has).map((key) => `Redis ${key}`);
  } finally {
    redis.disconnect();
  }
}

/** Where objects of endpoints stand in a cluster. */
export const collections = [
  '/api/v1/namespaces',
  '/api/v1/pods',
  '/api/v1/services',
  '/api/v1/secrets',
  '/api/v1/serviceaccounts',
  '/apis/apps/v1/deployments',
  '/apis/apps/v1/replicasets',
  '/apis/policy/v1/poddisruptionbudgets',
  '/apis/networking.k8s.io/v1/networkpolicies',
  '/apis/fairway.dev/v1/dedicatedinferences',
];

async function inClusters(plan: StackPlan, needles: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const kubeconfigs = plan.ports.vpcs.map((_, vpc) => kubeconfigOf(plan, vpc));
  for (const [kubeconfig, path] of kubeconfigs.flatMap((each) => collections.map((path) => [each, path] as const))) {
    const { items } = (await lookAt(kubeconfig, path)) as { items: { metadata: { name: string } }[] };
    for (const item of items) {
      const text = JSON.stringify(item);
      if (needles.some((needle) => text.includes(needle))) found.push(`${kubeconfig} ${path} ${item.metadata.name}`);
    }
  }
  return found;
}

/** Pods of other stacks may run beside this one: only a process that names this endpoint counts. */
function inProcesses(needles: readonly string[]): Promise<string[]> {
  const list = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  const lines = list.split('\n').filter((line) => needles.some((needle) => line.includes(needle)));
  return Promise.resolve(lines.map((line) => `process ${line.trim().slice(0, 200)}`));
}
