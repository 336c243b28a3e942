import { setTimeout as delay } from 'node:timers/promises';
import { startProcess } from './bench-process.ts';
import type { LoadResult } from './load.ts';
import { placeIn, startReplicas, startRouter, type Place, type RouterTarget } from './targets.ts';

const [streams, paceMs, streamSeconds, rampMs] = [2000, 100, 45, 8000] as const;
const [idleReplicas, idleSeconds] = [100, 20] as const;

/** What many streams at once cost a router, and what it costs to do nothing, as rows of Markdown. */
export async function measureCrowds(): Promise<string> {
  const lines = [
    '# A router with 2,000 streams, and one without any',
    '',
    'Repeat: `node setup.mjs loadtest/bench/hot-path/main.ts --crowds`. Marks: loop p99 30 ms, 100 KB per stream on one core; idle .1 core, 300 MB.',
    '',
    `- ${await manyStreams()}`,
    `- ${await idle()}`,
    '',
  ];
  return lines.join('\n');
}

async function manyStreams(): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const { router, load } = await startWith(await placeIn(stack), { replicas: 8, pace: paceMs });
  const rssBefore = await router.rssBytes();
  load.say('go');
  // All have begun, none has ended.
  await delay(rampMs + 5000);
  await loopP99Ms(router);
  const [cpuBefore, startedAt] = [await router.cpuMs(), performance.now()];
  await delay(20_000);
  const [loopMs, rss] = [await loopP99Ms(router), await router.rssBytes()];
  const share = ((await router.cpuMs()) - cpuBefore) / (performance.now() - startedAt);
  const { ttftMs } = await load.hear<LoadResult>();
  return `${ttftMs.length} streams with ${1000 / paceMs} events a second each: loop p99 ${loopMs.toFixed(1)} ms (the router’s own metric), ${((rss - rssBefore) / 1e3 / streams).toFixed(0)} KB of RSS per stream (${(rss / 1e6).toFixed(0)} MB in all), ${share.toFixed(2)} cores`;
}

async function startWith(
  place: Place,
  { replicas, pace }: { replicas: number; pace: number },
): Promise<{ router: RouterTarget; load: ReturnType<typeof startProcess> }> {
  const engines = await startReplicas(place, { processes: 2, ports: replicas / 2, paceMs: pace });
  // One endpoint alone gets most of this, not all.
  const env = { FAIRWAY_IN_FLIGHT_MAX: String(2 * streams) };
  const router = await startRouter(place, engines.ports, { env });
  const { port, token, tls } = router;
  const chunks = streamSeconds * (1000 / paceMs);
  const job = { port, token, tls, connections: streams, requests: streams, bodyBytes: 2000, chunks, seed: 1, rampMs };
  const load = place.stack.use(startProcess('load', job));
  await load.hear();
  return { router, load };
}

async function idle(): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const place = await placeIn(stack);
  const engines = await startReplicas(place, { processes: 2, ports: idleReplicas / 2, paceMs: 1 });
  const router = await startRouter(place, engines.ports);
  await delay(5000);
  const before = await router.cpuMs();
  await delay(1000 * idleSeconds);
  const share = ((await router.cpuMs()) - before) / (1000 * idleSeconds);
  return `idle with ${idleReplicas} replicas: ${share.toFixed(3)} cores over ${idleSeconds} s, ${((await router.rssBytes()) / 1e6).toFixed(0)} MB`;
}

/** Since the last look. */
async function loopP99Ms({ adminPort }: RouterTarget): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return 1000 * Number(/^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1]);
}
