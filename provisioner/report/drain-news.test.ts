import { expect, it } from 'vitest';
import type { DrainVerdict } from '../drain/decide-drain.ts';
import { drainNews } from './drain-news.ts';

const replica = (name: string, reason: string) => ({ replicaId: name, name, state: 'draining' as const, reason });
const list = (...replicas: ReturnType<typeof replica>[]) => ({ replicaList: replicas });
const busy = (count: number): DrainVerdict => ({ go: false, reason: '', inFlight: { count } });
const news = (
  before: ReturnType<typeof list>,
  after: ReturnType<typeof list>,
  gates: Record<string, DrainVerdict> = {},
) => drainNews(before, after, new Map(Object.entries(gates))).map(({ type, message }) => [type, message]);

const draining = list(replica('a', 'Draining'), replica('b', 'Draining'));
const overdue = list(replica('a', 'DrainOverdue'), replica('b', 'Draining'));

it('a drain begins once, for all replicas of a look together', () => {
  expect(news(list(replica('a', 'Ready')), draining)).toEqual([
    ['drain.began', 'a, b: nothing new goes there, what is in flight may end.'],
  ]);
  expect(news(draining, draining)).toEqual([]);
  const many = list(...Array.from({ length: 10 }, (_, at) => replica(`r${at}`, 'Draining')));
  expect(news(list(), many)[0]?.[1]).toContain('r7 and 2 more: ');
});

it('a deadline that is over tells once how many requests it met', () => {
  expect(news(draining, overdue, { a: busy(3) })[0]?.[1]).toContain('with 3 requests in flight;');
  expect(news(draining, overdue)[0]?.[1]).toContain('with an unknown number of requests in flight;');
  expect(news(overdue, overdue, { a: busy(3) })).toEqual([]);
  expect(news(overdue, draining)).toEqual([]);
});

it('a replica that is gone says what went with it', () => {
  expect(news(draining, list(), { a: busy(0), b: busy(2) })).toEqual([
    ['drain.cut', 'b went with 2 requests in flight.'],
    ['drain.ended', 'a: gone.'],
  ]);
  expect(news(list(replica('a', 'Terminating'), replica('b', 'Ready')), list())).toEqual([]);
});
