/**
 * Run: node router/testing/slow-peers/slow-peers.bench.ts
 *
 * What crowds of slow clients cost the others: a router, an engine and each crowd are processes. One client asks for
 * short streams, one after the other, meanwhile, of an engine of its own. Crowd and its engine have the lowest priority, so
 * that the kernel prefers router and client on a machine with few cores. Per crowd: the p99 of the client's time to the first
 * content, the slowest, and the p99 of the router's event loop (the router's own metric), alone, then beside the same crowd
 * that asks a bare Node server in place of the router (what the machine itself costs), then beside the crowd that asks the
 * router.
 * `loadtest/report/slow-peers.md` keeps a run.
 */
import { endAfter } from '#shared/testing/started.ts';
import type { PeersJob } from './peers.ts';
import { startRouterProcess, startServer, type RouterProcess } from './router-process.ts';

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

interface Look {
  readonly ttftMs: number;
  /** The one that the 99th percentile of 200 leaves out. */
  readonly slowestMs: number;
  readonly loopMs: number;
}

/** First contents of one client, and how late the router's event loop was meanwhile, milliseconds. */
async function look(router: RouterProcess): Promise<Look> {
  // The metric begins anew with each look.
  await router.metric('nodejs_eventloop_lag_p99_seconds');
  router.rest();
  const times = await (await router.peers({ what: 'one', count: asks, bytes: 0 })).next<number[]>();
  const loopMs = 1000 * (await router.metric('nodejs_eventloop_lag_p99_seconds'));
  return { ttftMs: p99(times), slowestMs: Math.max(...times), loopMs };
}

/** Beside a crowd that asks `port`, or the router. */
async function lookBeside(router: RouterProcess, crowd: (typeof crowds)[number], port?: number): Promise<Look> {
  const peers = await router.peers({ ...crowd, ...(port !== undefined && { port }) });
  if (crowd.what === 'idle') await peers.next();
  const figures = await look(router);
  await peers.kill();
  return figures;
}

const only = process.argv.slice(2);
const wanted = crowds.filter(({ what }) => only.length === 0 || only.includes(what));
console.log(
  '| crowd | first content p99, ms: alone → floor → beside | beside/alone | beside/floor | slowest, ms | loop p99, ms |',
);
console.log('|---|---|---|---|---|---|');
for (const crowd of wanted) {
  let end = (): Promise<void> => Promise.resolve();
  const started = endAfter((hook) => (end = hook));
  const router = await startRouterProcess(started, {}, { crowdYields: true });
  await look(router);
  const alone = await look(router);
  const bare = await startServer(started, { what: 'bare', yields: true });
  const floor = await lookBeside(router, crowd, bare);
  const beside = await lookBeside(router, crowd);
  const looks = [alone, floor, beside];
  const row = (figure: keyof Look): string => looks.map((one) => one[figure].toFixed(1)).join(' → ');
  const ratios = [beside.ttftMs / alone.ttftMs, beside.ttftMs / floor.ttftMs].map((ratio) => ratio.toFixed(1));
  const columns = [`${crowd.count} ${crowd.what}`, row('ttftMs'), ...ratios, row('slowestMs'), row('loopMs')];
  console.log(`| ${columns.join(' | ')} |`);
  await end();
}
