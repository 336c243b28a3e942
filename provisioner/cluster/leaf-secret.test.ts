import { describe, expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { KubeError } from '../kube/kube-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { leafIn } from '../manifests/leaf-secret.ts';
import { LeafSecret } from './leaf-secret.ts';
import type { ClusterSight } from './look-at-cluster.ts';

const leaf = { cert: 'a certificate', key: 'its key' };

/** A cluster that holds one Secret, and refuses while it is told to. */
function startCluster() {
  const state: { secret?: KubeObject; refusal?: KubeError; applied: unknown[] } = { applied: [] };
  const kube: Pick<ClusterSight['kube'], 'get' | 'apply'> = {
    get: () =>
      state.secret === undefined
        ? Promise.reject(new KubeError({ status: 404, reason: 'NotFound', message: 'none' }))
        : Promise.resolve(state.secret),
    apply: (object, options) => {
      if (state.refusal !== undefined) return Promise.reject(state.refusal);
      state.applied.push(options?.resourceVersion);
      state.secret = { ...object, metadata: { ...object.metadata, resourceVersion: '7' } };
      return Promise.resolve(state.secret);
    },
  };
  const sight = { kube: kube as ClusterSight['kube'], signal: new AbortController().signal };
  return { state, sight };
}

describe('the Secret of routers’ certificate', () => {
  it('is written over what was looked at alone, and not while it will do', async () => {
    const { state, sight } = startCluster();
    const due = [leaf, null, { ...leaf, cert: 'another' }];
    const secret = new LeafSecret(() => Promise.resolve(due.shift() ?? null), silentLogger());
    for (let look = 0; look < 4; look += 1) await secret.keep(sight);
    expect(state.applied).toEqual([undefined, '7']);
    expect(state.secret && leafIn(state.secret)).toEqual({ ...leaf, cert: 'another' });
  });

  it('that cannot be written is told until it can; a conflict is another’s write', async () => {
    const { state, sight } = startCluster();
    const secret = new LeafSecret((present) => Promise.resolve(present === undefined ? leaf : null), silentLogger());
    state.refusal = new KubeError({ status: 403, reason: 'Forbidden', message: 'secrets is forbidden' });
    await secret.keep(sight);
    expect(secret.warnings().join()).toMatch(/^Secret fairway-system\/router-private-tls: .*forbidden/);
    delete state.refusal;
    await secret.keep(sight);
    expect(secret.warnings()).toEqual([]);
    delete state.secret;
    state.refusal = new KubeError({ status: 409, reason: 'Conflict', message: 'changed' });
    await secret.keep(sight);
    expect(secret.warnings()).toEqual([]);
  });
});
