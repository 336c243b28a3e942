import { silentLogger } from '#shared/runtime/log.ts';
import { readClusterConfig } from './config.ts';
import { describeKubernetesContract } from './kubernetes.contract.ts';
import { startCluster } from './service.ts';

describeKubernetesContract('embedded cluster', () =>
  startCluster(readClusterConfig({ FAIRWAY_CLUSTER_KUBELET: 'off' }), { log: silentLogger() }),
);
