import { describe, it } from 'vitest';
import { findKubelab, KubelabMissing, startKubelab } from './kubelab.ts';
import { describeKubernetesContract } from './kubernetes.contract.ts';

const required = process.env['FAIRWAY_REQUIRE'] === 'all';
const binary = await findKubelab({ build: required || process.env['FAIRWAY_KUBELAB'] === 'build' }).catch(
  (error: unknown) => {
    if (error instanceof KubelabMissing && !required) return error;
    throw error;
  },
);

if (typeof binary === 'string') describeKubernetesContract('real kube-apiserver', () => startKubelab(binary));
else describe('real kube-apiserver', () => it.skip(`skipped: ${binary.message}`, () => {}));
