import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCommand } from '#shared/testing/run-command.ts';
import type { Router } from '../service.ts';
import { ask } from './client.ts';
import { startEdge } from './router-fixture.ts';
import { answerJson, startScriptedUpstream } from './scripted-upstream.ts';

const page = readFileSync(join(import.meta.dirname, '../forward/routes.md'), 'utf8');
/** The command that the page shows. */
const [, command = ''] = /```text\n(curl [^]*?)\n```/.exec(page) ?? [];

/** What the command prints about a request. */
async function routeOf(router: Router, requestId: unknown): Promise<Record<string, unknown>> {
  const env = { FAIRWAY_ROUTER_ADMIN_URL: router.adminUrl, REQUEST_ID: String(requestId) };
  const { code, output } = await runCommand(['/bin/sh', '-c', command], { cwd: import.meta.dirname, env });
  expect(code, output).toBe(0);
  return JSON.parse(output) as Record<string, unknown>;
}

function attemptsOf({ attempts = [] }: Record<string, unknown>): { scores: { replica: string }[] }[] {
  return attempts as ReturnType<typeof attemptsOf>;
}

const usage = { prompt_tokens: 300, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 16 } };
const good = { choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }], usage };

it('operators learn of a request where it went, among whom, and what the cache had; clients do not', async () => {
  await using edge = await startEdge();
  await using broken = await startScriptedUpstream(answerJson(500, { error: { message: 'a broken engine' } }));
  await using upstream = await startScriptedUpstream(answerJson(200, good));
  const { token, document } = await edge.addEndpoint([broken.port, upstream.port]);
  await using router = await edge.startRouter({ env: { FAIRWAY_ROUTES_KEPT: '3' } });
  const [bad, whole] = document.replicas.map(({ replicaId }) => replicaId);
  const send = async (name: number) => {
    const messages = [{ role: 'user', content: `a secret question ${name}` }];
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'x-session-id': `my-name ${name}`,
    };
    const body = JSON.stringify({ model: 'test-model', messages });
    return ask({ url: router.url, method: 'POST', path: '/v1/chat/completions', headers, body });
  };
  // Sooner or later a conversation begins on the broken one.
  let shown: Record<string, unknown> = {};
  for (let i = 0; i < 20 && attemptsOf(shown).length !== 2; i += 1) {
    const reply = await send(i);
    expect(reply.status).toBe(200);
    shown = await routeOf(router, reply.headers['x-request-id']);
    expect(shown['requestId']).toBe(reply.headers['x-request-id']);
  }
  const { endpointId, pool } = document;
  const lost = {
    replica: bad,
    end: 'lost',
    lostBy: 'status',
    reason: expect.any(String),
    waitedMs: expect.any(Number),
  };
  const done = { replica: whole, end: 'done', predictedCachedTokens: expect.any(Number) };
  expect(shown).toMatchObject({ router: router.routerId, endpointId, pool, attempts: [lost, done] });
  expect(shown).toMatchObject({ promptTokens: 300, completionTokens: 2, cachedTokens: 16 });
  const candidates = attemptsOf(shown)[0]?.scores.map(({ replica }) => replica);
  expect(new Set(candidates)).toEqual(new Set([bad, whole]));
  const text = JSON.stringify(shown);
  for (const secret of ['secret', token, 'my-name', '127.0.0.1', String(upstream.port)])
    expect(text).not.toContain(secret);

  for (let i = 0; i < 3; i += 1) await send(100 + i);
  const forgotten = await routeOf(router, shown['requestId']);
  expect(forgotten).toMatchObject({ router: router.routerId, message: expect.stringContaining('among the last 3') });
  const asked = await ask({ url: router.url, method: 'GET', path: `/debug/route/${String(shown['requestId'])}` });
  expect(asked.status).toBe(404);
});

it('tells that it is switched off', async () => {
  await using edge = await startEdge();
  await using router = await edge.startRouter({ env: { FAIRWAY_ROUTES_KEPT: '0' } });
  expect(await routeOf(router, 'req_1')).toMatchObject({
    message: expect.stringContaining('FAIRWAY_ROUTES_KEPT is 0'),
  });
});
