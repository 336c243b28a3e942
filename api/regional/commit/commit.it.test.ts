import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accessDocumentSchema, desiredSchema, type SpecDocument } from '#shared/contract/desired.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { isPubAck, startTcpProxy, type TcpProxy } from '#shared/testing/tcp-proxy.ts';
import { createBody } from '../testing/create-body.ts';
import { startTestRegion, testVpcId, type TestReply, type TestRegion } from '../testing/region-fixture.ts';

const collection = '/v2/dedicated-inferences';
const apiCount = 3;

describe('commits over a broken network', () => {
  let server: ChildServer;
  let proxies: TcpProxy[];
  let region: TestRegion;

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startRegionNats());
    const port = Number(new URL(server.url).port);
    proxies = await Promise.all(Array.from({ length: apiCount }, () => started.use(startTcpProxy({ port }))));
    region = await started.use(
      startTestRegion({
        natsUrl: server.url,
        apiNatsUrls: proxies.map((proxy) => `nats://127.0.0.1:${proxy.port}`),
      }),
    );
  });
  beforeEach(() => {
    for (const proxy of proxies) {
      proxy.restore();
      proxy.delay(0);
      proxy.swallow(0, () => false);
    }
  });

  const create = (index: number, name: string, headers: Record<string, string> = {}): Promise<TestReply> =>
    region.call(index, { method: 'POST', body: createBody(name), headers });
  const scale = (index: number, id: string, count: number): Promise<TestReply> =>
    region.call(index, {
      method: 'PATCH',
      path: `${collection}/${id}`,
      body: scaleBody(count),
      headers: { 'if-match': '*' },
    });
  const storedSpec = async (id: string): Promise<{ spec: SpecDocument; revision: number }> => {
    const last = await readLast(region.nats, streams.desired.name, subjects.spec(id));
    const document = desiredSchema.parse(last?.body);
    if (document.kind !== 'spec') throw new Error('a tombstone');
    return { spec: document, revision: last?.seq ?? 0 };
  };
  const idOf = (reply: TestReply): string => reply.body.dedicated_inference?.id ?? '';
  const proxyOf = (index: number): TcpProxy => {
    const proxy = proxies[index];
    if (proxy === undefined) throw new Error(`no proxy ${index}`);
    return proxy;
  };

  it('answers 202 with the stored revision when the PubAck is lost', async () => {
    const before = proxyOf(0).swallowed();
    proxyOf(0).swallow(1, isPubAck);
    const made = await create(0, 'ack-lost');
    expect(made.status, made.text).toBe(202);
    expect(proxyOf(0).swallowed()).toBe(before + 1);
    const stored = await storedSpec(idOf(made));
    expect(made.body.dedicated_inference?.revision).toBe(stored.revision);
    expect(stored.spec.intents).toHaveLength(1);
    const list = await region.call(1, { path: `${collection}?name=ack-lost` });
    expect(list.body.meta?.total).toBe(1);
  });

  it('makes one token, and shows its own value, when the PubAck is lost and others make theirs', async () => {
    const id = idOf(await create(0, 'token-ack-lost'));
    // The next PubAck is the token's, not that of the create's audit line.
    await eventually(async () =>
      expect(await readLast(region.nats, streams.audit.name, subjects.audit('spec', id))).not.toBeNull(),
    );
    const before = proxyOf(0).swallowed();
    proxyOf(0).swallow(1, isPubAck);
    const add = (index: number, name: string): Promise<TestReply> =>
      region.call(index, { method: 'POST', path: `${collection}/${id}/tokens`, body: { name } });
    const [mine, other] = await Promise.all([add(0, 'mine'), add(1, 'other')]);
    expect([mine.status, other.status, proxyOf(0).swallowed()]).toEqual([202, 202, before + 1]);
    const last = await readLast(region.nats, streams.desired.name, subjects.access(testVpcId, id));
    const { tokens } = accessDocumentSchema.parse(last?.body);
    const ids = [mine, other].map(({ body }) => body.token?.id);
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens.slice(1).map(({ tokenId }) => tokenId))).toEqual(new Set(ids));
  });

  it('keeps its own revision when a second writer came after the lost PubAck', async () => {
    const id = idOf(await create(0, 'second-writer'));
    proxyOf(0).swallow(1, isPubAck);
    const first = scale(0, id, 3);
    const revision = await eventually(async () => {
      const stored = await storedSpec(id);
      expect(stored.spec.version).toBe(2);
      return stored.revision;
    });
    const second = await scale(1, id, 4);
    expect(second.status, second.text).toBe(202);
    const answered = await first;
    expect(answered.status, answered.text).toBe(202);
    expect(answered.body.dedicated_inference?.revision).toBe(revision);
    const { spec } = await storedSpec(id);
    expect(spec.intents.map((entry) => entry.revision)).toEqual([spec.intents[0]?.revision, revision, null]);
    expect(spec.deployments[0]?.accelerators[0]?.scale).toBe(4);
  });

  it('answers 409 when another write took its place, and has no effect', async () => {
    const id = idOf(await create(0, 'outrun'));
    const before = await storedSpec(id);
    proxyOf(0).delay(30);
    const reply = await eventually(async () => {
      let answered = false;
      const slow = scale(0, id, 9).finally(() => {
        answered = true;
      });
      for (let count = 0; !answered; count += 1) expect((await scale(1, id, 20 + (count % 200))).status).toBe(202);
      const outrun = await slow;
      expect(outrun.status, outrun.text).toBe(409);
      return outrun;
    });
    expect(reply.body.id).toBe('conflict');
    const after = await storedSpec(id);
    expect(after.revision).toBeGreaterThan(before.revision);
    expect(after.spec.deployments[0]?.accelerators[0]?.scale).not.toBe(9);
  });

  it('survives nats-server killed and restarted in the middle of creates', async () => {
    const creates = Array.from({ length: 36 }, (_, index) => create(index % apiCount, `killed-${index}`));
    await Promise.race(creates);
    await server.restart();
    for (const reply of await Promise.all(creates)) {
      expect(reply.status, reply.text).toBe(202);
      // The test's own connection may still be on its way back.
      const stored = await eventually(() => storedSpec(idOf(reply)));
      expect(stored.revision).toBe(reply.body.dedicated_inference?.revision);
      expect(stored.spec.intents).toHaveLength(1);
    }
  });

  it('says that the outcome is unknown, with the intent, when NATS stays away', async () => {
    await using proxy = await startTcpProxy({ port: Number(new URL(server.url).port) });
    await using quick = await startTestRegion({
      natsUrl: server.url,
      apiNatsUrls: [`nats://127.0.0.1:${proxy.port}`],
      env: { FAIRWAY_PUBLISH_BUDGET_MS: '1500' },
    });
    const headers = { 'idempotency-key': 'unknown-1' };
    const create = (): Promise<TestReply> =>
      quick.call(0, { method: 'POST', body: createBody('outcome-unknown'), headers });
    let dark = false;
    proxy.swallow(1000, (payload) => (dark ||= isPubAck(payload)));
    const reply = await create();
    proxy.swallow(0, () => false);
    expect([reply.status, reply.body.id], reply.text).toEqual([503, 'outcome_unknown']);
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(reply.body.details?.['intent_id']).toMatch(/^[0-9a-f-]{36}$/);
    const again = await eventually(async () => {
      const retried = await create();
      expect(retried.status, retried.text).toBe(202);
      return retried;
    });
    expect((await storedSpec(idOf(again))).spec.intents).toHaveLength(1);
  });

  it('lets a read wait for a view that lags behind, at every process', async () => {
    for (const lagging of [1, 2]) {
      proxyOf(lagging).delay(60);
      const id = idOf(await create(0, `lagging-${lagging}`));
      const shown = await region.call(lagging, { path: `${collection}/${id}` });
      expect(shown.status, shown.text).toBe(200);
      const scaled = await scale(0, id, 6);
      const again = await region.call(lagging, { path: `${collection}/${id}` });
      expect(again.body.dedicated_inference?.revision).toBe(scaled.body.dedicated_inference?.revision);
      const removed = await region.call(0, { method: 'DELETE', path: `${collection}/${id}` });
      const list = await region.call(lagging, { path: `${collection}?name=lagging-${lagging}` });
      expect(removed.status).toBe(202);
      expect(list.body.dedicated_inferences?.map(({ status }) => status)).toEqual(['deleting']);
    }
  });

  it('lets exactly one of many concurrent creates have a name', async () => {
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        create(index % apiCount, 'wanted', { 'idempotency-key': `wanted-${index}` }),
      ),
    );
    expect(replies.filter(({ status }) => status === 202)).toHaveLength(1);
    const winner = replies.find(({ status }) => status === 202);
    for (const loser of replies.filter(({ status }) => status !== 202)) {
      expect([loser.status, loser.body.id], loser.text).toEqual([409, 'name_taken']);
      expect(loser.body.details?.['id']).toBe(winner?.body.dedicated_inference?.id);
    }
  });

  it('gives equal keyed creates one endpoint, one revision and one token, PubAcks lost or not', async () => {
    for (const proxy of proxies) proxy.swallow(1, isPubAck);
    const replies = await Promise.all(
      Array.from({ length: 9 }, (_, index) => create(index % apiCount, 'keyed', { 'idempotency-key': 'keyed-1' })),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 9 }, () => 202));
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
  });

  it('holds for every answer under faults: 2xx is in the stream, 409 and 422 are not', async () => {
    const seed = 20_261_122;
    const random = seededRandom(seed);
    const ids = await Promise.all(['p-0', 'p-1', 'p-2'].map(async (name, index) => idOf(await create(index, name))));
    const answers: { id: string; count: number; reply: TestReply }[] = [];
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let round = 0; round < 8; round += 1) {
        const id = ids[Math.floor(random() * ids.length)] ?? '';
        const count = 10 + writer * 20 + round;
        if (random() < 0.15) proxyOf(writer % apiCount).swallow(1, isPubAck);
        if (random() < 0.05) {
          proxyOf(writer % apiCount).cut();
          proxyOf(writer % apiCount).restore();
        }
        answers.push({ id, count, reply: await scale(writer % apiCount, id, count) });
      }
    });
    await Promise.all(writers);
    for (const id of ids)
      await checkHistory(
        await storedSpec(id),
        answers.filter((answer) => answer.id === id),
        seed,
      );
    expect(answers.filter(({ reply }) => reply.status === 202).length).toBeGreaterThan(10);
  });

  async function checkHistory(
    { spec, revision }: { spec: SpecDocument; revision: number },
    answers: { count: number; reply: TestReply }[],
    seed: number,
  ): Promise<void> {
    const known = new Set(spec.intents.map((entry) => entry.revision ?? revision));
    const oldest = Math.min(...known);
    const accepted = answers.filter(({ reply }) => reply.status === 202);
    for (const { reply } of accepted) {
      const at = reply.body.dedicated_inference?.revision ?? 0;
      expect(at < oldest || known.has(at), `seed ${seed}: ${at} is not in the stream`).toBe(true);
    }
    const doubtful = answers.filter(({ reply }) => reply.body.id === 'outcome_unknown').length;
    const stored = spec.version - 1;
    expect(stored, `seed ${seed}`).toBeGreaterThanOrEqual(accepted.length);
    expect(stored, `seed ${seed}`).toBeLessThanOrEqual(accepted.length + doubtful);
    const last = accepted.find(({ reply }) => reply.body.dedicated_inference?.revision === revision);
    if (last !== undefined) expect(spec.deployments[0]?.accelerators[0]?.scale).toBe(last.count);
  }

  it('refuses a write past the commit protocol: the log itself guards the order', async () => {
    const id = idOf(await create(0, 'guarded'));
    const { spec, revision } = await storedSpec(id);
    const stale = await writeDocuments(
      region.nats,
      [{ subject: subjects.spec(id), body: spec, expectedSeq: revision - 1 }],
      '',
    );
    expect(stale.kind).toBe('conflict');
  });
});

function scaleBody(count: number): unknown {
  return {
    spec: {
      model_deployments: [
        { accelerators: [{ scale: count, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' }] },
      ],
    },
  };
}

/** Mulberry32: a small seeded generator. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.trunc(state + 0x6d2b79f5);
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
