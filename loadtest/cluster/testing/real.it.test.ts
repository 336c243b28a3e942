import { describe, it } from 'vitest';
import { skipUnless } from '#shared/testing/skips.ts';
import { findKubelab, KubelabMissingError, startKubelab } from './kubelab.ts';
import { describeKubernetesContract } from './kubernetes.contract.ts';
import { describeWorkloads } from './workloads.contract.ts';

const build = process.env['FAIRWAY_REQUIRE'] === 'all' || process.env['FAIRWAY_KUBELAB'] === 'build';
const found = await findKubelab({ build }).catch((error: unknown) => {
  if (error instanceof KubelabMissingError) return error;
  throw error;
});

if (typeof found === 'string')
  describeKubernetesContract({ name: 'real kube-apiserver', start: () => startKubelab(found), describeWorkloads });
else {
  const requirement = { what: `a real kube-apiserver: ${found.message}`, how: found.how };
  describe('real kube-apiserver', skipUnless(false, requirement), () => it('passes the contract', () => {}));
}
