import { describe } from 'vitest';
import { findKubelab, startKubelab } from './kubelab.ts';
import { describeKubernetesContract } from './kubernetes.contract.ts';
import { describeWorkloads } from './workloads.contract.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver');

describe('with a real server', unless, () => {
  describeKubernetesContract({ name: 'real kube-apiserver', start: () => startKubelab(binaries), describeWorkloads });
});
