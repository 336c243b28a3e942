import { silentLogger } from '#shared/runtime/log.ts';
import { readClusterConfig } from '../config.ts';
import { describeKubernetesContract } from './kubernetes.contract.ts';
import { startCluster } from '../service.ts';
import { describeWorkloads } from './workloads.contract.ts';

const config = readClusterConfig({ FAIRWAY_CLUSTER_KUBELET: 'off' });
const start = () => startCluster(config, { log: silentLogger() });
describeKubernetesContract({ name: 'embedded cluster', start, describeWorkloads });
