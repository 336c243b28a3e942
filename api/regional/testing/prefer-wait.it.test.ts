import { beforeAll, describe, expect, it } from 'vitest';
import type { StatusDocument } from '#shared/contract/status.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { createBody } from './create-body.ts';
import { startTestRegion, type TestRegion, type TestReply } from './region-fixture.ts';

describe('Prefer: wait', () => {
  const started = endAfterAll();
  let region: TestRegion;
  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url] }));
  });

  const waiting = { prefer: 'wait=20' };
  const create = (name: string, headers: Record<string, string> = waiting): Promise<TestReply> =>
    region.call(0, { method: 'POST', body: createBody(name), headers });
  const find = async (name: string) => {
    const listed = await region.call(0, { path: `/v2/dedicated-inferences?name=${name}` });
    return listed.body.dedicated_inferences?.[0];
  };
  const publish = (endpointId: string, parts: Partial<StatusDocument>): Promise<void> =>
    region.publishStatus(endpointId, statusDocument({ endpointId, ...parts }));

  it('holds a create until the endpoint has become something, and shows what, with the token', async () => {
    const held = create('held');
    await eventually(async () => expect(await find('held')).toBeDefined());
    const { id = '', revision = 0 } = (await find('held')) ?? {};
    await publish(id, { observedRevision: revision, state: 'provisioning' });
    await publish(id, { observedRevision: revision, state: 'error', reason: 'NoCapacity', lifecycleSeq: 2 });
    const reply = await held;
    expect([reply.status, reply.headers.get('preference-applied')]).toEqual([202, 'wait=20']);
    expect(reply.body.dedicated_inference).toMatchObject({ id, status: 'error', reason: 'NoCapacity' });
    expect(reply.body.token?.value).toMatch(/^fairway/);
  });

  it('answers as ever when the time is over', async () => {
    const reply = await create('late', { prefer: 'wait=1' });
    expect(reply.status).toBe(202);
    expect(reply.body.dedicated_inference?.status).toBe('new');
  });

  it('holds a delete until nothing is left', async () => {
    const made = await create('gone', {});
    const { id = '' } = made.body.dedicated_inference ?? {};
    const path = `/v2/dedicated-inferences/${id}`;
    const held = region.call(0, { method: 'DELETE', path, headers: waiting });
    await eventually(async () => expect((await find('gone'))?.status).toBe('deleting'));
    const { revision = 0 } = (await find('gone')) ?? {};
    await publish(id, { observedRevision: revision, state: 'gone', lifecycleSeq: 2 });
    expect((await held).status).toBe(202);
    expect((await region.call(0, { path })).status).toBe(404);
  });
});
