import { expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import { PickScores } from '../pick/pick-scores.ts';
import { BookedSlot } from '../pick/slot.ts';
import { candidate } from '../testing/candidates.ts';
import { RouteLog } from './route-log.ts';

const pool = { endpointId: 'e', pool: 'p' };

it('remembers so many requests, and those among many replicas at the expense of others', () => {
  const log = new RouteLog('r', 4, createTestClock());
  const kept = (): string[] =>
    ['a', 'b', 'c', 'd', 'e', 'f'].filter((id) => log.answer(`/debug/route/${id}`)?.status === 200);
  const slot = (candidates: number): BookedSlot => {
    const scores = new PickScores(Array.from({ length: candidates }, () => candidate({ id: 'x' })));
    const place = { replica: replicaAt(1), reason: 'affinity', predictedCachedTokens: 0, scores };
    return new BookedSlot(place, { ended: () => {}, release: () => {} });
  };
  for (const id of ['a', 'b', 'c', 'd', 'e']) log.placed(log.begin({ id, pool }), slot(20), 0.4);
  expect(kept()).toEqual(['b', 'c', 'd', 'e']);
  log.placed(log.begin({ id: 'f', pool }), slot(100), 0);
  expect(kept()).toEqual(['e', 'f']);
  const running = log.begin({ id: 'a', pool });
  log.placed(log.begin({ id: 'b', pool }), slot(128), 0);
  expect(kept()).toEqual(['a', 'b']);
  log.placed(running, slot(20), 0);
  expect(kept()).toEqual(['b']);
});
