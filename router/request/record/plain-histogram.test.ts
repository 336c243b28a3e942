import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { PlainHistogram } from './plain-histogram.ts';

it('tells the same as prom-client’s own, in text and as values', async () => {
  const about = { name: 'seconds', help: 'How long.', buckets: [0.1, 1, 10] };
  const [plain, own] = [new Registry(), new Registry()];
  for (const registry of [plain, own]) registry.setDefaultLabels({ service: 'router' });
  const one = new PlainHistogram(about, plain);
  const other = new Histogram({ ...about, registers: [own] });
  expect(await plain.metrics()).toBe(await own.metrics());
  for (const value of [0, 0.05, 0.1, 0.11, 1, 5, 10, 10.5, 1000]) {
    one.observe(value);
    other.observe(value);
  }
  expect(await plain.metrics()).toBe(await own.metrics());
  expect(await plain.getMetricsAsJSON()).toMatchObject([{ name: 'seconds', type: 'histogram', aggregator: 'sum' }]);
});
