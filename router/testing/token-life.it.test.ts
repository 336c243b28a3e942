import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '#shared/contract/subjects.ts';
import { useReportSchema, type UseReport } from '#shared/contract/replica.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { accessDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { contentOf, frames } from './chat-frames.ts';
import { ask, readAll, start } from './client.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { beginStream, startScriptedUpstream, streamWords, type ScriptedUpstream } from './scripted-upstream.ts';

describe('a token at several routers', () => {
  let edge: Edge;
  let upstream: ScriptedUpstream;
  let endpoint: EdgeEndpoint;
  let routers: Router[];
  let folders: string[];
  const started = endAfterAll();

  beforeAll(async () => {
    edge = await started.use(startEdge());
    upstream = await started.use(startScriptedUpstream(streamWords('ok')));
    endpoint = await edge.addEndpoint([upstream.port]);
    folders = await Promise.all([1, 2].map(() => started.folder('fairway-tokens-')));
    routers = await Promise.all(folders.map((folder) => started.use(startIn(folder))));
  });

  const startIn = (folder: string): Promise<Router> =>
    edge.startRouter({ env: { FAIRWAY_STATE_DIR: folder, FAIRWAY_USE_REPORT_MS: '100' } });
  const tokenOf = (byte: number): string => formatToken('access', new Uint8Array(24).fill(byte));
  /** Lets these tokens in beside the endpoint's own, and nobody else. */
  const allow = async (...tokens: { token: string; expiresAt?: string }[]): Promise<void> => {
    const all = [{ token: endpoint.token }, ...tokens];
    const hashes = all.map(({ token }) => keyedHash(edge.hashKey, token));
    const access = accessDocument({ ...endpoint.document, hashes });
    const ends = all.map((one) => ('expiresAt' in one ? { expiresAt: one.expiresAt } : {}));
    endpoint.access = { ...access, tokens: access.tokens.map((token, index) => ({ ...token, ...ends[index] })) };
    await edge.publish(endpoint);
  };
  const request = (url: string, token: string) => ({
    url,
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
  });
  const statusesOf = (token: string, at: readonly Router[] = routers): Promise<number[]> =>
    Promise.all(at.map(async ({ url }) => (await ask(request(url, token))).status));

  it('is let in by each of them once it is made, and by none once it is revoked', async () => {
    const token = tokenOf(1);
    expect(await statusesOf(token)).toEqual([401, 401]);
    await allow({ token });
    await eventually(async () => expect(await statusesOf(token)).toEqual([200, 200]));
    await allow();
    await eventually(async () => expect(await statusesOf(token)).toEqual([401, 401]));
    expect(await statusesOf(endpoint.token)).toEqual([200, 200]);
  });

  it('that is revoked is refused, and what it was let in with before goes on to its end', async () => {
    const token = tokenOf(2);
    await allow({ token });
    await eventually(async () => expect(await statusesOf(token)).toEqual([200, 200]));
    const revoked = Promise.withResolvers<void>();
    upstream.script = async ({ response }) => {
      beginStream(response);
      response.write(frames.role + frames.text('before '));
      await revoked.promise;
      response.end(frames.text('after') + frames.finish + frames.done);
    };
    const answer = await start(request(routers[0]?.url ?? '', token)).response;
    const whole = readAll(answer);
    await once(answer, 'data');
    upstream.script = streamWords('ok');
    await allow();
    await eventually(async () => expect(await statusesOf(token)).toEqual([401, 401]));
    revoked.resolve();
    const { text, broken } = await whole;
    expect([contentOf(text), broken]).toEqual(['before after', false]);
  });

  it('is told of once a day by each router that let it in, by its id, until somebody has stored that', async () => {
    const reports: UseReport[] = [];
    let taken = false;
    const service = edge.client.nc.subscribe(subjects.everyUse, {
      callback: (_, message) => {
        expect(message.string()).not.toContain(endpoint.token);
        if (!taken) return;
        reports.push(useReportSchema.parse(message.json()));
        message.respond();
      },
    });
    using _service = { [Symbol.dispose]: () => service.unsubscribe() };
    const token = tokenOf(3);
    await allow({ token });
    await eventually(async () => expect(await statusesOf(token)).toEqual([200, 200]));
    const [, { tokenId } = { tokenId: '' }] = endpoint.access.tokens;
    taken = true;
    const day = new Date().toISOString().slice(0, 10);
    const told = (): string[] => reports.flatMap(({ tokens }) => tokens[endpoint.endpointId] ?? []);
    await eventually(() => expect(told().filter((id) => id === tokenId)).toHaveLength(2));
    expect(new Set(reports.map((report) => report.day))).toEqual(new Set([day]));
    await statusesOf(token);
    await statusesOf(endpoint.token);
    await allow({ token: tokenOf(4) });
    await eventually(async () => expect(await statusesOf(tokenOf(4))).toEqual([200, 200]));
    const [, { tokenId: next } = { tokenId: '' }] = endpoint.access.tokens;
    await eventually(() => expect(told().filter((id) => id === next)).toHaveLength(2));
    expect(told().filter((id) => id === tokenId)).toHaveLength(2);
  });

  it('is good while NATS and the whole control plane are away, at routers that start anew, until it expires', async () => {
    const [good, past, revoked] = [tokenOf(5), tokenOf(6), tokenOf(7)];
    await allow({ token: good }, { token: past, expiresAt: '2026-01-01T00:00:00.000Z' }, { token: revoked });
    await eventually(async () => expect(await statusesOf(revoked)).toEqual([200, 200]));
    await allow({ token: good }, { token: past, expiresAt: '2026-01-01T00:00:00.000Z' });
    await eventually(async () => expect(await statusesOf(revoked)).toEqual([401, 401]));
    await edge.nats.kill();
    try {
      expect(await statusesOf(good)).toEqual([200, 200]);
      for (const router of routers) await router[Symbol.asyncDispose]();
      await using first = await startIn(folders[0] ?? '');
      await using second = await startIn(folders[1] ?? '');
      const anew = [first, second];
      for (const token of [good, endpoint.token]) expect(await statusesOf(token, anew)).toEqual([200, 200]);
      for (const token of [past, revoked, tokenOf(8)]) expect(await statusesOf(token, anew)).toEqual([401, 401]);
    } finally {
      await edge.nats.restart();
    }
  });
});
