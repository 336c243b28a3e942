import { describe, expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { DesiredMap, type DesiredEntry, type Sequenced } from '../desired/desired-map.ts';
import type { EndpointDocuments } from '../desired/documents.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { appliedSpec } from '../manifests/applied-spec.ts';
import { customResource } from '../manifests/custom-resource.ts';
import { sampleIds, samplePool, sampleSpec, sampleStatus } from '../testing/sample-endpoint.ts';
import type { Caches } from './caches.ts';
import { observe } from './observe.ts';

const { endpoint: endpointId, vpc: vpcId } = sampleIds;
const nothing: Sequenced<never> = { document: null, seq: 0 };
const spec = (revision: number): DesiredEntry => ({ kind: 'spec', spec: sampleSpec(1), revision });

/** Looks with a map that knows revision 5, while the stream has `stream` and this is what was made so far. */
async function look(made: { status?: number; pool?: number; resource?: number }, stream: DesiredEntry) {
  let asked = 0;
  const desired = new DesiredMap();
  desired.take({ endpointId, revision: 5, text: JSON.stringify(sampleSpec(1)), deleted: false });
  const pool = { ...samplePool([]), specRevision: made.pool ?? 0 };
  const status = sampleStatus({ observedRevision: made.status ?? 0 });
  const documents: EndpointDocuments = {
    status: () => Promise.resolve({ document: status, seq: 1 }),
    pools: () => Promise.resolve(new Map([[sampleIds.pool, { document: pool, seq: 1 }]])),
    desired: () => ((asked += 1), Promise.resolve(stream)),
    quarantine: () => Promise.resolve(nothing),
    word: () => Promise.resolve(nothing),
  };
  const resource = customResource(appliedSpec(sampleSpec(1), made.resource ?? 0));
  const objects = ({ kind }: { kind: string }): KubeObject[] => (kind === 'DedicatedInference' ? [resource] : []);
  const caches = {
    objects,
    children: () => [],
    room: () => ({ nodes: [], pods: [], namespace: '', quotas: [] }),
    of: () => undefined,
  } as Partial<Caches> as Caches;
  const listeners = () => ({ public: [], private: [] });
  const drains = { gates: () => new Map(), loads: () => new Map(), listeners, silence: () => null };
  const proofs = { outcomes: () => new Map(), since: () => 0 };
  const pastChanges = { near: () => [] };
  const observers = { desired, documents, proofs, pastChanges, clock: systemClock, sealPrivateKey: null };
  const observed = await observe(observers, { vpcId, caches, drains, renewing: new Set() }, endpointId);
  return { asked, revision: observed.desired.kind === 'spec' ? observed.desired.revision : 0, ...observed };
}

describe('a spec that is older than what was made from it', () => {
  it.each([{ status: 9 }, { pool: 9 }, { resource: 9 }])('is read again before anything is done: %j', async (made) => {
    expect(await look(made, spec(9))).toMatchObject({ asked: 1, revision: 9, newestSeq: 9 });
    // The stream has nothing newer: the look knows it, and nothing is planned on it.
    expect(await look(made, spec(5))).toMatchObject({ asked: 1, revision: 5, newestSeq: 9 });
  });

  it('is not asked for while it is the newest', async () => {
    expect(await look({ status: 5, pool: 5, resource: 4 }, spec(9))).toMatchObject({ asked: 0, revision: 5 });
  });
});
