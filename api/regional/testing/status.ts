import type { StatusDocument } from '#shared/contract/status.ts';

/** A status as a provisioner would write it, for tests. */
export function buildStatus(parts: Partial<StatusDocument> & { endpointId: string }): StatusDocument {
  const at = '2026-11-22T12:00:00.000Z';
  return {
    v: 1,
    state: 'provisioning',
    lifecycleSeq: 1,
    observedRevision: 1,
    live: null,
    phase: 'capacity',
    phaseSince: at,
    changeSince: at,
    reason: 'Working',
    message: 'Work is under way.',
    conditions: [],
    replicas: { desired: 0, ready: 0 },
    replicaList: [],
    hosts: null,
    rejection: null,
    history: [],
    updatedAt: at,
    writer: 'test',
    ...parts,
  };
}
