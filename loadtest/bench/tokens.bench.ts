/**
 * Run: node setup.mjs loadtest/bench/tokens.bench.ts [runs]
 * From the API's answer to a token's creation, and to its revocation, until every router of a VPC acts on it; two routers,
 * each asked again as soon as it has answered. The time of one request to a router is what such a figure cannot be finer than.
 * Writes loadtest/report/tokens.md.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { newTokenReplySchema } from '#shared/contract/parts.ts';
import { startTestStack, type TestStack } from '#loadtest/e2e/test-stack.ts';
import { root } from './clone.ts';

const runs = Number(process.argv[2] ?? 300);
/** Where a token is looked up before anything else happens. */
const path = '/v1/models';

/** Milliseconds, one of each per run. */
const times = {
  'API: create': [] as number[],
  'created → accepted by both': [] as number[],
  'API: revoke': [] as number[],
  'revoked → refused by both': [] as number[],
  'one request to a router': [] as number[],
};

await using fairway = await startTestStack({ routers: 2, regionals: 2 });
const { dedicated_inference: endpoint } = await fairway.create('tokens', 1);
await fairway.untilActive(endpoint.id, 1);
const routers = (fairway.stack.plan.ports.vpcs[0]?.routers ?? []).map(({ port }) => `http://127.0.0.1:${port}${path}`);
for (let run = -20; run < runs; run += 1) await once(fairway, run);
const text = render();
await writeFile(join(root, 'loadtest/report/tokens.md'), text);
process.stdout.write(text);

/** One token's life; the first ones warm up and do not count. */
async function once(stack: TestStack, run: number): Promise<void> {
  const tokens = `/${endpoint.id}/tokens`;
  const [made, createMs] = await timed(() => stack.api('POST', tokens, { body: { name: `run-${run + 20}` } }));
  const { token } = newTokenReplySchema.parse(made.body);
  const [, acceptedMs] = await timed(() => until(token.value, 200));
  const [gone, revokeMs] = await timed(() => stack.api('DELETE', `${tokens}/${token.id}`));
  if (gone.status !== 204) throw new Error(`a revocation was answered ${gone.status}`);
  const [, refusedMs] = await timed(() => until(token.value, 401));
  const [, requestMs] = await timed(() => statusAt(routers[0] ?? '', token.value));
  if (run < 0) return;
  for (const [index, ms] of [createMs, acceptedMs, revokeMs, refusedMs, requestMs].entries())
    Object.values(times)[index]?.push(ms);
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}

/** Asks each router until it answers so. */
async function until(token: string | undefined, status: number): Promise<void> {
  await Promise.all(
    routers.map(async (url) => {
      const deadline = performance.now() + 10_000;
      while ((await statusAt(url, token)) !== status)
        if (performance.now() > deadline) throw new Error(`${url} has not answered ${status} within 10 s`);
    }),
  );
}

async function statusAt(url: string, token: string | undefined): Promise<number> {
  const reply = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  await reply.arrayBuffer();
  return reply.status;
}

function render(): string {
  const share = (sorted: readonly number[], part: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(1);
  return [
    '# Tokens: from the answer to what routers do',
    '',
    'Repeat: `node setup.mjs loadtest/bench/tokens.bench.ts` (writes this file).',
    '',
    `${runs} tokens in turn, made and revoked through central and two regional processes in turn; two routers; one nats-server on this machine. ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), shared with other work.`,
    '',
    '| milliseconds | p50 | p99 | max |',
    '|---|---|---|---|',
    ...Object.entries(times).map(([what, list]) => {
      const sorted = list.toSorted((left, right) => left - right);
      return `| ${what} | ${share(sorted, 0.5)} | ${share(sorted, 0.99)} | ${share(sorted, 1)} |`;
    }),
    '',
    'The clock starts when the API has answered; a router is asked again as soon as it has answered, so that no figure is finer than one request. A request that was let in before a revocation goes on to its end.',
    '',
  ].join('\n');
}
