import { expect, it } from 'vitest';
import { findReplicas, type Search } from './find-replicas.ts';

function search(most: number, needed: number): Promise<Search> {
  return findReplicas(
    most,
    (replicas) => Promise.resolve([replicas]),
    ([replicas = 0]) => replicas >= needed,
  );
}

it('finds the fewest that are enough, whatever they are, in few steps', async () => {
  for (let needed = 1; needed <= 48; needed++) {
    const { needed: found, tried } = await search(48, needed);
    expect(found).toBe(needed);
    expect(tried.length).toBeLessThanOrEqual(7);
    expect(new Set(tried.map(({ replicas }) => replicas)).size).toBe(tried.length);
  }
});

it('says so where not even the most are enough', async () => {
  expect(await search(4, 5)).toEqual({ needed: undefined, tried: [{ replicas: 4, soon: [4] }] });
});
