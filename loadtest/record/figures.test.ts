import { expect, it } from 'vitest';
import { lineOf, Observer, type Figures } from './figures.ts';
import type { RequestRecord } from './request-record.ts';

const done = { outcome: 'done', client: 'one', askedAt: 0, firstAt: 500, lastAt: 2500, outputTokens: 21 } as const;

it('what no engine tells of its cache stays unknown, and silence beside others that tell is no hit', () => {
  const silent: RequestRecord = { ...done, promptTokens: 1000 };
  const hits = (...records: readonly RequestRecord[]): number => figuresOf(records).hits;
  expect(hits(silent)).toBeNaN();
  expect(lineOf(figuresOf([silent]))).toContain('hits unknown');
  expect(hits(silent, { ...silent, cachedTokens: 1000 })).toBe(0.5);
});

it('what was never sent, or not over at the end, is counted and in no time', () => {
  const more = { ...done, lastAt: 9000, promptTokens: 1 };
  const figures = figuresOf([
    { ...done, promptTokens: 9, lateMs: 3 },
    { ...more, outcome: 'unsent' },
    { ...more, outcome: 'unfinished' },
  ]);
  expect(figures).toMatchObject({ unsent: 1, unfinished: 1, requestsPerSecond: 0.1, codes: {} });
  expect(figures.e2e).toEqual({ mean: 2.5, p50: 2.5, p95: 2.5, p99: 2.5 });
  expect(figures.itlMs?.p99).toBe(100);
  expect(figures.lateMs?.p99).toBe(3);
});

it('tells answers that broke off from those that never began', () => {
  const broken = { ...done, outcome: 'broken', promptTokens: 9 } as const;
  expect(figuresOf([broken, { ...broken, firstAt: 2500 }])).toMatchObject({ broken: 2, brokenEarly: 1 });
});

function figuresOf(records: readonly RequestRecord[]): Figures {
  const observer = new Observer(0);
  for (const record of records) observer.add(record);
  return observer.figures(10_000);
}
