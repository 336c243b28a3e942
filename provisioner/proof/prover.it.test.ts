import { MockAgent } from 'undici';
import { expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { createProver } from './prover.ts';
import type { ProofOutcome } from './proof-record.ts';

/** What a prover makes of one answer of a router. */
async function outcomeOf(status: number, body: string): Promise<ProofOutcome> {
  const dispatcher = new MockAgent();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => dispatcher.close());
  dispatcher.disableNetConnect();
  dispatcher.get('http://router').intercept({ method: 'POST', path: '/v1/chat/completions' }).reply(status, body);
  const prover = createProver({
    provisionerKey: new Uint8Array(32),
    clock: createTestClock(),
    timeoutMs: 10_000,
    dispatcher,
  });
  return await prover.prove({
    endpointId: 'e',
    pool: 'p',
    specRevision: 1,
    replicaId: null,
    host: 'h',
    listenerUrl: 'http://router',
    model: 'm',
    signal: new AbortController().signal,
  });
}

const completion = (tokens: number): string => JSON.stringify({ choices: [{}], usage: { completion_tokens: tokens } });

it.each([
  ['a token of output', 200, completion(1), { ok: true }],
  ['no output', 200, completion(0), { ok: false, reason: expect.stringContaining('not a completion') }],
  ['no JSON', 200, 'hello', { ok: false, reason: expect.stringContaining('no answer') }],
  [
    'no replica',
    503,
    '{"error":{"code":"no_replica"}}',
    { ok: false, reason: expect.stringContaining('503'), busy: false },
  ],
  [
    'a full queue',
    503,
    '{"error":{"code":"overloaded"}}',
    { ok: false, reason: expect.stringContaining('503'), busy: true },
  ],
  ['a page of a proxy', 502, '<html>', { ok: false, reason: expect.stringContaining('502'), busy: false }],
])('judges an answer with %s', async (...[, status, body, expected]) =>
  expect(await outcomeOf(status, body)).toEqual(expected),
);
