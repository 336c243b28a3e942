import { describe, expect, it } from 'vitest';
import { freePort } from '#shared/testing/child-server.ts';
import { answerJson, startScriptedUpstream, type Script } from '../testing/scripted-upstream.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';
import { UndiciUpstream } from './undici-upstream.ts';
import { upstreamContract } from './upstream.contract.ts';
import type { UpstreamFailure, UpstreamHandler } from './upstream.ts';

const request = { method: 'POST', path: '/v1/x', headers: {}, body: [Buffer.from('{}')], fresh: false };

describe('UndiciUpstream', () => {
  upstreamContract(async (steps) => {
    const gate = Promise.withResolvers<void>();
    const server = await startScriptedUpstream(play(steps ?? [], gate.promise));
    const upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const port = steps === undefined ? await freePort() : server.port;
    return {
      upstream,
      target: { replicaId: 'a', address: '127.0.0.1', port },
      bodies: () => server.seen.map(({ body }) => body.toString()),
      release: () => gate.resolve(),
      aborted: () => server.seen.filter(({ abortedAt }) => abortedAt !== undefined).length,
      async [Symbol.asyncDispose]() {
        await upstream[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  });

  it('knows a reused connection from a fresh one', async () => {
    await using server = await startScriptedUpstream(answerJson(200, {}));
    await using upstream = new UndiciUpstream({ connectTimeoutMs: 1000 });
    const target = { replicaId: 'a', address: '127.0.0.1', port: server.port };
    await ended(upstream, target, false);
    server.script = ({ response }) => void response.socket?.destroy();
    const reused = await ended(upstream, target, false);
    const fresh = await ended(upstream, target, true);
    expect(reused).toMatchObject({ kind: 'reset', reusedSocket: true });
    expect(fresh).toMatchObject({ kind: 'reset', reusedSocket: false });
  });
});

function ended(
  upstream: UndiciUpstream,
  target: { replicaId: string; address: string; port: number },
  fresh: boolean,
): Promise<UpstreamFailure | undefined> {
  return new Promise((resolve) => {
    const handler: UpstreamHandler = {
      onHead: () => {},
      onData: () => {},
      onEnd: () => resolve(undefined),
      onFailure: resolve,
    };
    upstream.send(target, { ...request, fresh }, handler);
  });
}

/** Plays steps on a real socket. */
function play(steps: readonly UpstreamStep[], released: Promise<void>): Script {
  return async ({ response }) => {
    for (const step of steps) {
      if ('head' in step) response.writeHead(step.head, { 'content-type': step.type ?? 'text/event-stream' });
      else if ('data' in step) await new Promise((resolve) => response.write(step.data, resolve));
      else if ('end' in step) response.end();
      else if ('fail' in step) response.socket?.resetAndDestroy();
      else await released;
    }
  };
}
