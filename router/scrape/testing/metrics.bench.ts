/**
 * Run: node router/scrape/testing/metrics.bench.ts
 *
 * Prints how long it takes to read the metrics of a vLLM with four data-parallel ranks, beside only cutting that text into
 * lines (median and 99th percentile of many rounds; the first ones warm up).
 */
import { signalsOf } from '../adapters/adapter-of.ts';
import { recordedMetrics } from './recorded-metrics.ts';

const rounds = 500;
const one = recordedMetrics('vllm-0.32.0.txt');
const text = [0, 1, 2, 3].map((rank) => one.replaceAll('engine="0"', `engine="${rank}"`)).join('\n');
const engine = {
  profile: 'vllm',
  adapter: 'vllm',
  healthPath: '/health',
  metricsPath: '/metrics',
  metrics: { running: '', waiting: '', kvUse: '' },
  kvTokens: 1,
  blockTokens: 16,
  contextTokensMax: 1,
};

const shown = (work: () => unknown): string => {
  const took = Array.from({ length: 2 * rounds }, () => {
    const startedAt = performance.now();
    work();
    return performance.now() - startedAt;
  });
  const sorted = took.slice(rounds).toSorted((a, b) => a - b);
  return [0.5, 0.99].map((share) => `${(sorted[Math.floor(share * rounds)] ?? 0).toFixed(3)} ms`).join(', ');
};
process.stdout.write(
  `${Math.round(text.length / 1024)} KB: read ${shown(() => signalsOf(engine, { metrics: text, other: undefined }))}; ` +
    `cut into lines ${shown(() => text.split('\n'))}\n`,
);
