import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { kinds } from './kube/kinds.ts';
import { resourceName } from './manifests/names.ts';
import { startProvisionerLab, type ProvisionerLab } from './provisioner-lab.contract.ts';
import type { Provisioner } from './service.ts';

describe('an endpoint', () => {
  let lab: ProvisionerLab;
  let provisioner: Provisioner;
  beforeAll(async () => {
    lab = await startProvisionerLab();
    provisioner = await lab.start();
  });
  afterAll(async () => {
    await provisioner?.[Symbol.asyncDispose]();
    await lab?.[Symbol.asyncDispose]();
  });

  it('is created, proven, scaled and deleted without a trace', async () => {
    const spec = lab.newSpec();
    const { endpointId } = spec;
    const revision = await lab.publish(spec);
    const active = await eventually(async () => {
      const status = await lab.status(endpointId);
      expect(status).toMatchObject({ state: 'active', observedRevision: revision, replicas: { desired: 2, ready: 2 } });
      return status;
    });
    expect(active?.live?.revision).toBe(revision);
    const resource = await lab.kube.get(kinds.dedicatedInference, { name: resourceName(endpointId) });
    expect(resource['spec']).toMatchObject({ endpointId, intentSeq: revision });

    await lab.publish({ ...spec, version: 2, deletion: { requestedAt: spec.createdAt, requestedBy: 'token-1' } });
    await eventually(async () => expect(await lab.status(endpointId)).toMatchObject({ state: 'gone' }));
    expect(await lab.pools(endpointId)).toEqual([]);
    for (const kind of Object.values(kinds)) {
      if (kind === kinds.event) continue;
      const { items } = await lab.kube.list(kind, { labelSelector: `fairway.dev/endpoint=${endpointId}` });
      expect(items).toEqual([]);
    }
  });
});
