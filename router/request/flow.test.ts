import { expect, it } from 'vitest';
import { poolDocument } from '#shared/testing/documents.ts';
import { flowOf } from './flow.ts';

const { endpointId, team, pool: name } = poolDocument();
const pool = { pool: name, key: Buffer.alloc(32, 1) };
const caller = (flowHeader?: string) =>
  ({ kind: 'token', endpointId, team, tokenId: 't', ...(flowHeader !== undefined && { flowHeader }) }) as const;

it('people who share a token take turns with each other, where their header tells them apart', () => {
  const [one, other] = [{ 'x-user': 'ann' }, { 'x-user': 'bob' }];
  expect(flowOf(caller(), one, pool)).toBe(flowOf(caller(), other, pool));
  expect(flowOf(caller('x-user'), {}, pool)).toBe(flowOf(caller(), one, pool));
  expect(flowOf(caller('x-user'), one, pool)).toBe(flowOf(caller('x-user'), one, pool));
  expect(flowOf(caller('x-user'), one, pool)).not.toBe(flowOf(caller('x-user'), other, pool));
});

it('who they are only those can tell who know the routers’ key', () => {
  const flow = flowOf(caller(), {}, pool);
  expect(flow).toMatch(/^[0-9a-f]{4}:[0-9a-f]{16}$/);
  expect(flowOf(caller('x-user'), { 'x-user': 'ann' }, pool).slice(0, 5)).toBe(flow.slice(0, 5));
  expect(flowOf(caller(), {}, { ...pool, key: Buffer.alloc(32, 2) })).not.toBe(flow);
  expect(flowOf(caller(), {}, { ...pool, pool: 'another' })).not.toBe(flow);
});
