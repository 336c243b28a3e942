import { expect, it } from 'vitest';
import { eventDocumentSchema } from '#shared/contract/status.ts';
import { sampleSpec, sampleStatus } from '../testing/sample-endpoint.ts';
import { eventsOf } from './events.ts';

const spec = sampleSpec(1);
const gates = new Map();

it('tells of lifecycle and phases, a rejection or what is stuck with its hint, and nothing else', () => {
  const before = sampleStatus({ phase: 'load' });
  const rejection = { revision: 1, reason: 'Unschedulable', message: '0/1', hint: 'fewer', at: before.updatedAt };
  const after = sampleStatus({ state: 'error', phase: 'node', rejection });
  const lines = eventsOf({ spec, gates, before, after, events: ['rejected'] });
  expect(lines).toMatchObject([
    { type: 'change.rejected', reason: 'Unschedulable', hint: 'fewer', team: 'team-a' },
    { type: 'phase.changed', phase: 'node' },
  ]);
  const stuck = { ...before, reason: 'CrashLoopBackOff', hint: 'Read the log.' };
  expect(eventsOf({ spec, gates, before, after: stuck, events: [] })).toMatchObject([
    { type: 'phase.stuck', phase: 'load', reason: 'CrashLoopBackOff', hint: 'Read the log.' },
  ]);
  expect(eventsOf({ spec, gates, before: stuck, after: { ...stuck, message: 'again' }, events: [] })).toEqual([]);
  for (const line of lines) expect(() => eventDocumentSchema.parse(line)).not.toThrow();
  expect(eventsOf({ spec, gates, before, after: before, events: [] })).toEqual([]);
});
