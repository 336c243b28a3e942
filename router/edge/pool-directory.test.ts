import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { poolDocument } from '#shared/testing/documents.ts';
import { PoolDirectory } from './pool-directory.ts';

it('knows the pools of each endpoint, in the order of their ids, and the one that serves a model', () => {
  const directory = new PoolDirectory();
  const [one, other] = [randomUUID(), randomUUID()];
  const put = (endpointId: string, pool: string, model: string): void =>
    directory.put(poolDocument({ endpointId, pool, models: [model] }));
  const pools = (endpointId: string): string[] => directory.ofEndpoint(endpointId).map(({ pool }) => pool);
  put(one, 'b', 'x');
  put(other, 'c', 'x');
  put(one, 'a', 'y');
  put(one, 'b', 'z');
  expect([pools(one), pools(other)]).toEqual([['a', 'b'], ['c']]);
  expect([directory.byModel(one, 'x'), directory.byModel(one, 'z')?.pool]).toEqual([undefined, 'b']);
  put(other, 'b', 'z');
  directory.remove('c');
  directory.remove('unknown');
  expect([pools(one), pools(other), directory.documents()]).toMatchObject([['a'], ['b'], { length: 2 }]);
});
