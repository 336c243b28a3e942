/**
 * Run: node router/testing/slow-peers/slow-peers.bench.ts
 *
 * What crowds of slow clients cost the others: a router, an engine and each crowd are processes. One client asks for
 * short streams, one after the other, meanwhile. Per crowd: the p99 of its time to the first content and of the router's event
 * loop (the router's own metric), beside the same without a crowd right before it. `loadtest/report/slow-peers.md` keeps a run.
 */
import { endAfter } from '#shared/testing/started.ts';
import type { PeersJob } from './peers.ts';
import { startRouterProcess, type RouterProcess } from './router-process.ts';

const crowds: Pick<PeersJob, 'what' | 'count' | 'bytes'>[] = [
  { what: 'uploads', count: 2000, bytes: 400_000 },
  { what: 'crumbs', count: 20, bytes: 400_000 },
  { what: 'readers', count: 2000, bytes: 0 },
  { what: 'idle', count: 10_000, bytes: 0 },
];
const asks = 200;

/** The 99th percentile of what is sorted. */
const p99 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;

/** First contents of one client, and how late the router's event loop was meanwhile, milliseconds. */
async function look(router: RouterProcess): Promise<{ ttftMs: number; loopMs: number }> {
  // The metric begins anew with each look.
  await router.metric('nodejs_eventloop_lag_p99_seconds');
  router.rest();
  const ttftMs = p99(await router.peers({ what: 'one', count: asks, bytes: 0 }).next<number[]>());
  const loopMs = 1000 * (await router.metric('nodejs_eventloop_lag_p99_seconds'));
  return { ttftMs, loopMs };
}

console.log('| crowd | first content p99, ms: alone → beside | ratio | loop p99, ms: alone → beside |');
console.log('|---|---|---|---|');
for (const crowd of crowds) {
  let end = (): Promise<void> => Promise.resolve();
  const started = endAfter((hook) => (end = hook));
  const router = await startRouterProcess(started, {});
  await look(router);
  const alone = await look(router);
  const peers = router.peers(crowd);
  if (crowd.what === 'idle') await peers.next();
  const beside = await look(router);
  const figures = [alone.ttftMs, beside.ttftMs, beside.ttftMs / alone.ttftMs, alone.loopMs, beside.loopMs];
  const [ttft, other, ratio, loop, otherLoop] = figures.map((one) => one.toFixed(1));
  console.log(`| ${crowd.count} ${crowd.what} | ${ttft} → ${other} | ${ratio} | ${loop} → ${otherLoop} |`);
  await end();
}
