import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deriveKey } from '#shared/runtime/keyed-hash.ts';
import type { ProcessSpec } from './child-process.ts';
import type { StackOptions } from './options.ts';
import type { StackPorts } from './ports.ts';
import type { StackNats } from './servers.ts';
import type { StackSecrets } from './secrets.ts';
import { stackPlace } from './stack-place.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Everything that the processes' environments are made of. */
export interface StackPlan {
  options: StackOptions;
  ports: StackPorts;
  secrets: StackSecrets;
  folder: string;
  nats: StackNats;
  redisUrl: string;
}

/** Kubeconfig of the embedded cluster. */
export function kubeconfigOf(plan: StackPlan): string {
  return join(plan.folder, 'cluster', 'kubeconfig');
}

/** API server and controllers of the embedded cluster, and the kubelet that runs pods as processes. */
export function clusterProcess(plan: StackPlan): ProcessSpec {
  return own(plan, 'cluster', {
    main: 'loadtest/cluster/main.ts',
    env: {
      FAIRWAY_CLUSTER_PORT: String(plan.ports.cluster),
      FAIRWAY_CLUSTER_STATE_DIR: join(plan.folder, 'cluster'),
      FAIRWAY_CLUSTER_KUBECONFIG: kubeconfigOf(plan),
      FAIRWAY_CLUSTER_KUBELET: 'off',
    },
  });
}

/** The kubelet: a process of its own, so that pods outlive the API server. */
export function kubeletProcess(plan: StackPlan): ProcessSpec {
  return own(plan, 'kubelet', {
    main: 'loadtest/cluster/kubelet/main.ts',
    env: {
      FAIRWAY_KUBELET_KUBECONFIG: kubeconfigOf(plan),
      FAIRWAY_KUBELET_LOG_DIR: join(plan.folder, 'logs'),
      FAIRWAY_KUBELET_POD_ENV: JSON.stringify({ FAIRWAY_SIM_TIME_SCALE: String(plan.options.timeScale) }),
      FAIRWAY_KUBELET_BACKOFF_MS: '500',
      FAIRWAY_KUBELET_BACKOFF_MAX_MS: '10000',
    },
  });
}

/** A regional API process. */
export function regionalProcess(plan: StackPlan, index: number): ProcessSpec {
  return own(plan, numbered('api-regional', index), {
    main: 'api/regional/main.ts',
    env: {
      FAIRWAY_NATS_URL: plan.nats.urlOf({ role: 'regional', region: stackPlace.region }),
      FAIRWAY_REGION: stackPlace.region,
      FAIRWAY_PORT: String(plan.ports.regionals[index]),
      FAIRWAY_REGION_KEY: plan.secrets.regionKey,
      FAIRWAY_SEAL_PUBLIC_KEY: plan.secrets.sealPublicKey,
      FAIRWAY_DEFAULT_VPC_ID: stackPlace.vpcId,
      FAIRWAY_ENDPOINT_SCHEME: 'http',
      FAIRWAY_ENDPOINT_PORT: String(plan.ports.inference),
    },
  });
}

/** The central API process in front of all regional ones. */
export function centralProcess(plan: StackPlan): ProcessSpec {
  const regionals = plan.ports.regionals.map((port) => `http://127.0.0.1:${port}`).join('|');
  return own(plan, 'api-central', {
    main: 'api/central/main.ts',
    env: {
      FAIRWAY_NATS_URL: plan.nats.urlOf({ role: 'central' }),
      FAIRWAY_NATS_API: plan.nats.edgeApi,
      FAIRWAY_PORT: String(plan.ports.control),
      FAIRWAY_REGIONS: `${stackPlace.region}=${regionals}`,
    },
  });
}

/** A provisioner process. */
export function provisionerProcess(plan: StackPlan, index: number): ProcessSpec {
  const { drainTimeoutMs, leaseMs } = plan.options;
  return own(plan, numbered('provisioner', index), {
    main: 'provisioner/main.ts',
    env: {
      FAIRWAY_NATS_URL: plan.nats.urlOf({ role: 'provisioner', region: stackPlace.region }),
      FAIRWAY_REGION: stackPlace.region,
      FAIRWAY_INSTANCE_ID: numbered('provisioner', index),
      FAIRWAY_CLUSTERS: `${stackPlace.vpcId}=${kubeconfigOf(plan)}`,
      FAIRWAY_SEAL_PRIVATE_KEY: plan.secrets.sealPrivateKey,
      FAIRWAY_PROVISIONER_KEY: plan.secrets.provisionerKey,
      FAIRWAY_DRAIN_TIMEOUT_MS: String(drainTimeoutMs),
      FAIRWAY_LEASE_MS: String(leaseMs),
    },
  });
}

/** A router process. */
export function routerProcess(plan: StackPlan, index: number): ProcessSpec {
  const name = numbered('router', index);
  const hashKey = deriveKey(Buffer.from(plan.secrets.regionKey, 'base64url'), 'access-token-hash');
  return own(plan, name, {
    main: 'router/main.ts',
    env: {
      FAIRWAY_NATS_URL: plan.nats.urlOf({ role: 'router', vpcId: stackPlace.vpcId }),
      FAIRWAY_NATS_API: plan.nats.edgeApi,
      FAIRWAY_REDIS_URL: plan.redisUrl,
      FAIRWAY_VPC_ID: stackPlace.vpcId,
      FAIRWAY_ROUTER_ID: name,
      FAIRWAY_PORT: String(plan.ports.routers[index]),
      FAIRWAY_TOKEN_HASH_KEY: Buffer.from(hashKey).toString('base64url'),
      FAIRWAY_STATE_DIR: join(plan.folder, name),
      FAIRWAY_DRAIN_TIMEOUT_MS: String(plan.options.drainTimeoutMs),
    },
  });
}

/** What a process of the stack gets to stop; then it is killed, and when the stack is gone it kills itself. */
const stopTimeoutMs = 8000;

function numbered(name: string, index: number): string {
  return index === 0 ? name : `${name}-${index + 1}`;
}

function own(plan: StackPlan, name: string, parts: { main: string; env: Record<string, string> }): ProcessSpec {
  return {
    name,
    command: process.execPath,
    args: [join(root, parts.main)],
    env: { FAIRWAY_STOP_TIMEOUT_MS: String(stopTimeoutMs + 2000), ...parts.env },
    logFile: join(plan.folder, 'logs', `${name}.log`),
    startTimeoutMs: 60_000,
    stopTimeoutMs,
  };
}
