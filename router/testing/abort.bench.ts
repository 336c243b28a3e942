/**
 * Run: node router/testing/abort.bench.ts. Prints the time from a client's leaving until the engine's connection is closed,
 * which frees its place there and here, through the router and on a direct connection, milliseconds. All parts share one
 * process: half of a direct connection's time is the bench's own.
 */
import { frames } from './chat-frames.ts';
import { start } from './client.ts';
import { startEdge } from './router-fixture.ts';
import { beginStream, startScriptedUpstream, type Script } from './scripted-upstream.ts';

const rounds = 300;
/** What the engine has sent when the client leaves. */
const windows: Readonly<Record<string, { script: Script; stream: boolean }>> = {
  'before the head': { script: () => {}, stream: true },
  'behind the head': { script: ({ response }) => beginStream(response), stream: true },
  'amid the content': {
    script: ({ response }) => {
      beginStream(response);
      response.write(frames.role + frames.text('a'));
    },
    stream: true,
  },
  'while a whole answer is made': { script: () => {}, stream: false },
};

await using edge = await startEdge();
await using upstream = await startScriptedUpstream(() => {});
const endpoint = await edge.addEndpoint([upstream.port]);
await using router = await edge.startRouter();

for (const [window, { script, stream }] of Object.entries(windows)) {
  upstream.script = script;
  const direct = await measure(`http://127.0.0.1:${upstream.port}`, stream);
  const routed = await measure(router.url, stream);
  process.stdout.write(`${window}: ${told(routed)} through the router, ${told(direct)} direct\n`);
}

async function measure(url: string, stream: boolean): Promise<number[]> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    upstream.seen.length = 0;
    const headers = { authorization: `Bearer ${endpoint.token}` };
    const body = JSON.stringify({ model: 'test-model', stream, messages: [{ role: 'user', content: 'hi' }] });
    const request = start({ url, headers, body });
    await until(() => upstream.seen.length > 0);
    // What it sends is on its way to the client.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const leftAt = performance.now();
    request.abort();
    await until(() => upstream.seen[0]?.abortedAt !== undefined);
    took.push((upstream.seen[0]?.abortedAt ?? Infinity) - leftAt);
  }
  return took.toSorted((a, b) => a - b);
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setImmediate(resolve));
}

function told(sorted: readonly number[]): string {
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(2);
  return `median ${at(0.5)}, p99 ${at(0.99)}`;
}
