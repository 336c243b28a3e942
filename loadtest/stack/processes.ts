import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noticedMs } from './balancer.ts';
import { routerNodeFlags } from '../../router/admit/node-flags.ts';
import { leafFiles } from '#shared/runtime/tls/leaf-files.ts';
import { deriveKey } from '#shared/runtime/keyed-hash.ts';
import { adminKubeconfig, prepareControlPlane } from '#loadtest/cluster/real/control-plane.ts';
import { findKubernetes } from '#loadtest/cluster/real/kubernetes-binaries.ts';
import { simulatedImages } from '../cluster/kubelet/config.ts';
import type { LocalEngine } from '../engines/local-engine.ts';
import type { ProcessSpec } from './child-process.ts';
import type { StackOptions } from './options.ts';
import type { StackPorts } from './ports.ts';
import { foreign, type StackNats } from './servers.ts';
import { certificateFolders, type StackSecrets } from './secrets.ts';
import { stackPlace, vpcIdOf } from './stack-place.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Everything that the processes' environments are made of. */
export interface StackPlan {
  options: StackOptions;
  engine: LocalEngine;
  ports: StackPorts;
  secrets: StackSecrets;
  folder: string;
  nats: StackNats;
  redisUrl: string;
}

/** Kubeconfig of a VPC's cluster; VPCs are counted from 0. */
export function kubeconfigOf(plan: StackPlan, vpc = 0): string {
  const { cluster } = plan.options;
  return typeof cluster === 'object' ? cluster.kubeconfig : adminKubeconfig(clusterFolder(plan, vpc));
}

/** State of a VPC's cluster; neither kind reads the other's. */
function clusterFolder({ options, folder }: StackPlan, vpc: number): string {
  return join(folder, inVpc(options.cluster === 'real' ? 'real-cluster' : 'cluster', vpc));
}

/** API server and controllers of a VPC's embedded cluster. */
export function clusterProcess(plan: StackPlan, vpc: number): ProcessSpec {
  return own(plan, inVpc('cluster', vpc), {
    main: 'loadtest/cluster/main.ts',
    env: {
      FAIRWAY_CLUSTER_PORT: String(plan.ports.vpcs[vpc]?.cluster),
      FAIRWAY_CLUSTER_STATE_DIR: clusterFolder(plan, vpc),
      FAIRWAY_CLUSTER_KUBECONFIG: kubeconfigOf(plan, vpc),
      FAIRWAY_CLUSTER_KUBELET: 'off',
    },
  });
}

/** The programs of a VPC's real cluster, in the order of their start. @throws KubernetesMissingError */
export async function realClusterProcesses(plan: StackPlan, vpc: number): Promise<ProcessSpec[]> {
  const port = plan.ports.vpcs[vpc]?.cluster ?? 0;
  const parts = await prepareControlPlane({ binaries: await findKubernetes(), folder: clusterFolder(plan, vpc), port });
  return parts.map(({ name, command, args, ready }) => {
    const shown = inVpc(realNames[name], vpc);
    return { ...foreign(shown, plan.folder), command, args, ready, startTimeoutMs: 60_000 };
  });
}

/** The API server is called as the embedded one, whose place it takes. */
const realNames = {
  etcd: 'cluster-etcd',
  'kube-apiserver': 'cluster',
  'kube-controller-manager': 'cluster-controllers',
  'kube-scheduler': 'cluster-scheduler',
};

/** The kubelet, which runs pods as processes: one of its own, so that pods outlive the API server. */
export function kubeletProcess(plan: StackPlan, vpc: number): ProcessSpec {
  const images = { ...simulatedImages, ...plan.engine.images };
  return own(plan, inVpc('kubelet', vpc), {
    main: 'loadtest/cluster/kubelet/main.ts',
    env: {
      FAIRWAY_KUBELET_KUBECONFIG: kubeconfigOf(plan, vpc),
      FAIRWAY_KUBELET_LOG_DIR: join(plan.folder, 'logs'),
      FAIRWAY_KUBELET_VOLUME_DIR: join(plan.folder, inVpc('volumes', vpc)),
      FAIRWAY_KUBELET_IMAGES: JSON.stringify(images),
      FAIRWAY_KUBELET_POD_ENV: JSON.stringify({
        FAIRWAY_SIM_TIME_SCALE: String(plan.options.timeScale),
        ...plan.engine.env,
      }),
      FAIRWAY_KUBELET_BACKOFF_MS: '500',
      FAIRWAY_KUBELET_BACKOFF_MAX_MS: '10000',
    },
  });
}

/** Tests and load tests share one API token. */
const manyRequests = { FAIRWAY_RATE_PER_HOUR: '1000000000', FAIRWAY_RATE_PER_MINUTE: '1000000000' };

/** A regional API process. */
export function regionalProcess(plan: StackPlan, index: number): ProcessSpec {
  return own(plan, numbered('api-regional', index), {
    main: 'api/regional/main.ts',
    env: {
      FAIRWAY_NATS_URL: plan.nats.urlOf({ role: 'regional', region: stackPlace.region }),
      FAIRWAY_REGION: stackPlace.region,
      FAIRWAY_PORT: String(plan.ports.regionals[index]),
      ...manyRequests,
      FAIRWAY_REGION_KEY: plan.secrets.regionKey,
      FAIRWAY_SEAL_PUBLIC_KEY: plan.secrets.sealPublicKey,
      FAIRWAY_DEFAULT_VPC_ID: stackPlace.vpcId,
      FAIRWAY_ENDPOINT_SCHEME: 'http',
      FAIRWAY_ENDPOINT_PORT: String(plan.ports.vpcs[0]?.inference),
      FAIRWAY_PRIVATE_ENDPOINT_SCHEME: 'https',
      FAIRWAY_PRIVATE_ENDPOINT_PORT: String(plan.ports.vpcs[0]?.privateInference),
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
      ...manyRequests,
      FAIRWAY_REGIONS: `${stackPlace.region}=${regionals}`,
    },
  });
}

/** A provisioner process: each serves every VPC. */
export function provisionerProcess(plan: StackPlan, index: number): ProcessSpec {
  const { drainTimeoutMs, leaseMs } = plan.options;
  const clusters = plan.ports.vpcs.map((_, vpc) => `${vpcIdOf(vpc)}=${kubeconfigOf(plan, vpc)}`);
  return own(plan, numbered('provisioner', index), {
    main: 'provisioner/main.ts',
    env: {
      FAIRWAY_NATS_URL: plan.nats.urlOf({ role: 'provisioner', region: stackPlace.region }),
      FAIRWAY_REGION: stackPlace.region,
      FAIRWAY_INSTANCE_ID: numbered('provisioner', index),
      FAIRWAY_CLUSTERS: clusters.join(','),
      FAIRWAY_ENGINES: enginesOf(plan.engine),
      FAIRWAY_SEAL_PRIVATE_KEY: plan.secrets.sealPrivateKey,
      FAIRWAY_PROVISIONER_KEY: plan.secrets.provisionerKey,
      FAIRWAY_DRAIN_TIMEOUT_MS: String(drainTimeoutMs),
      FAIRWAY_LEASE_MS: String(leaseMs),
      FAIRWAY_CA_DIR: certificateFolders(plan.folder).authority,
      FAIRWAY_LEAF_DIR: certificateFolders(plan.folder).leaf,
    },
  });
}

/** The demo model has its engine; whatever else is asked for is simulated. */
function enginesOf({ profile, model }: LocalEngine): string {
  return profile === 'sim' ? profile : `sim,${model}=${profile}`;
}

/** A router process of a VPC. */
export function routerProcess(plan: StackPlan, vpc: number, index: number): ProcessSpec {
  const name = inVpc(numbered('router', index), vpc);
  const vpcId = vpcIdOf(vpc);
  const { routers = [] } = plan.ports.vpcs[vpc] ?? {};
  const { certFile, keyFile } = leafFiles(certificateFolders(plan.folder).leaf);
  const hashKey = deriveKey(Buffer.from(plan.secrets.regionKey, 'base64url'), 'access-token-hash');
  return own(plan, name, {
    main: 'router/main.ts',
    flags: routerNodeFlags,
    env: {
      FAIRWAY_NATS_URL: plan.nats.urlOf({ role: 'router', vpcId }),
      FAIRWAY_NATS_API: plan.nats.edgeApi,
      FAIRWAY_REDIS_URL: plan.redisUrl,
      FAIRWAY_VPC_ID: vpcId,
      FAIRWAY_ROUTER_ID: name,
      FAIRWAY_PORT: String(routers[index]?.port),
      FAIRWAY_PRIVATE_PORT: String(routers[index]?.privatePort),
      FAIRWAY_PRIVATE_TLS_CERT_FILE: certFile,
      FAIRWAY_PRIVATE_TLS_KEY_FILE: keyFile,
      FAIRWAY_ADMIN_PORT: String(routers[index]?.adminPort),
      FAIRWAY_TOKEN_HASH_KEY: Buffer.from(hashKey).toString('base64url'),
      FAIRWAY_STATE_DIR: join(plan.folder, name),
      FAIRWAY_PROPAGATION_MS: String(routers.length > 1 ? noticedMs : 0),
      FAIRWAY_DRAIN_TIMEOUT_MS: String(plan.options.drainTimeoutMs),
      FAIRWAY_USE_REPORT_MS: '2000',
    },
  });
}

/** What a process of the stack gets to stop; then it is killed, and when the stack is gone it kills itself. */
const stopTimeoutMs = 8000;

function numbered(name: string, index: number): string {
  return index === 0 ? name : `${name}-${index + 1}`;
}

/** Processes of the first VPC bear plain names, those of the second begin with `vpc2-`. */
function inVpc(name: string, vpc: number): string {
  return vpc === 0 ? name : `vpc${vpc + 1}-${name}`;
}

function own(
  plan: StackPlan,
  name: string,
  parts: { main: string; flags?: readonly string[]; env: Record<string, string> },
): ProcessSpec {
  return {
    name,
    command: process.execPath,
    args: [...(parts.flags ?? []), join(root, parts.main)],
    env: { FAIRWAY_STOP_TIMEOUT_MS: String(stopTimeoutMs + 2000), ...parts.env },
    logFile: join(plan.folder, 'logs', `${name}.log`),
    startTimeoutMs: 60_000,
    stopTimeoutMs,
  };
}
