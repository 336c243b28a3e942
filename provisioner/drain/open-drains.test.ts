import { expect, it } from 'vitest';
import { OpenDrains } from './open-drains.ts';

const question = (replicaId: string) => ({ replicaId, edgeRevision: 1, deadline: '2026-01-01T00:10:00.000Z' });

it('names the endpoints of which a drain may go, and nobody else', () => {
  const open = new OpenDrains();
  for (const name of ['a', 'b', 'c']) open.keep(name, [question(`${name}1`), question(`${name}2`)]);
  open.keep('c', []);
  const free = new Set<string>();
  const decide = ({ replicaId }: { replicaId: string }) => ({ go: free.has(replicaId), reason: '' });
  expect(open.freed(decide, 0)).toEqual([]);
  free.add('b2').add('c1');
  expect(open.freed(decide, 0)).toEqual(['b']);
});

it('names each at most once per second, however many reports come and however often it looks', () => {
  const open = new OpenDrains();
  const go = () => ({ go: true, reason: '' });
  const names: string[] = [];
  for (let ms = 0; ms < 3000; ms += 10) {
    open.keep('a', [question('a1')]);
    names.push(...open.freed(go, ms));
  }
  expect(names).toHaveLength(3);
});
