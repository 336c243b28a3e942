import { describe, expect, it } from 'vitest';
import { statusDocumentSchema, type StatusDocument } from '#shared/contract/status.ts';
import { sampleIds, sampleLive, sampleStatus } from '../testing/sample-endpoint.ts';
import { heldStatus } from './held-status.ts';

const hold = { reason: 'Quarantined', message: 'Nobody knows it.', hint: 'Say what becomes of it.' };
const held = (before: StatusDocument | null, at = '2026-02-01T00:00:00.000Z', why = hold) =>
  heldStatus({ endpointId: sampleIds.endpoint, before, hold: why, at, writer: 'w' });
const active = sampleStatus({ state: 'active', live: sampleLive(1), lifecycleSeq: 3 });

describe('heldStatus', () => {
  it('keeps what the endpoint is and says why nothing is changed', () => {
    const after = held(active);
    expect(after).toMatchObject({ state: 'active', lifecycleSeq: 3, observedRevision: 1, live: { revision: 1 } });
    expect(after).toMatchObject({ ...hold });
    expect(after?.conditions).toEqual([
      {
        type: 'Stalled',
        status: 'True',
        reason: 'Quarantined',
        message: hold.message,
        hint: hold.hint,
        observedRevision: 1,
        lastTransitionTime: '2026-02-01T00:00:00.000Z',
      },
    ]);
  });

  it('tells no progress and no drains: nothing is under way', () => {
    const progress = { passed: 4, steps: 7 };
    const at = '2026-01-01T00:00:00.000Z';
    const draining = { replicas: 1, inflight: 2, oldest: at, deadline: at, message: '', at };
    const after = held(sampleStatus({ state: 'updating', progress, draining }));
    expect(after).not.toHaveProperty('progress');
    expect(after).not.toHaveProperty('draining');
  });

  it('says it once, and a new reason without a new transition', () => {
    const after = held(active);
    expect(held(after, '2026-03-01T00:00:00.000Z')).toBeNull();
    const other = held(after, '2026-03-01T00:00:00.000Z', { ...hold, reason: 'Fenced' });
    expect(other?.conditions).toMatchObject([{ reason: 'Fenced', lastTransitionTime: '2026-02-01T00:00:00.000Z' }]);
  });

  it('begins at revision 0 for an endpoint that nothing was told of, and leaves one that is gone', () => {
    const first = held(null);
    expect(statusDocumentSchema.parse(first)).toMatchObject({ state: 'new', lifecycleSeq: 0, observedRevision: 0 });
    expect(held(sampleStatus({ state: 'gone' }))).toBeNull();
  });
});
