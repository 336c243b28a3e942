import { beforeAll, describe, expect, it } from 'vitest';
import { specDocumentSchema } from '#shared/contract/desired.ts';
import { auditDocumentSchema } from '#shared/contract/audit.ts';
import { eventDocumentSchema } from '#shared/contract/status.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { createBody } from './create-body.ts';
import { startTestRegion, testVpcId, type TestReply, type TestRegion } from './region-fixture.ts';
import { specDocument, statusDocument } from '#shared/testing/documents.ts';
import { endAfterAll } from '#shared/testing/started.ts';

const collection = '/v2/dedicated-inferences';

describe('the end of an endpoint', () => {
  let server: ChildServer;
  let region: TestRegion;

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startRegionNats());
    region = await started.use(
      startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url, server.url] }),
    );
  });

  const create = (name: string, secret?: string): Promise<TestReply> =>
    region.call(0, {
      method: 'POST',
      body: { ...createBody(name), ...(secret && { access_tokens: { hugging_face_token: secret } }) },
    });
  const remove = (id: string): Promise<TestReply> => region.call(1, { method: 'DELETE', path: `${collection}/${id}` });
  const last = (subject: string): Promise<unknown> =>
    readLast(region.nats, streams.desired.name, subject).then((stored) => stored?.body);
  const tearDown = async (id: string, revision: number): Promise<void> => {
    await region.publishStatus(id, statusDocument({ endpointId: id, state: 'gone', observedRevision: revision }));
  };

  it('ends by itself where nobody would ever tear it down: the region has no such VPC', async () => {
    const endpointId = '00000000-0000-8001-8000-00000000dead';
    const at = new Date(Date.now() - 3_600_000).toISOString();
    const deletion = { requestedAt: at, requestedBy: 'token-1' };
    const spec = specDocument({ endpointId, name: 'stuck', vpcId: '99999999-2222-4333-8444-555555555555', deletion });
    const claim = {
      subject: subjects.name('alpha', digest('stuck')),
      body: { v: 1, kind: 'name', endpointId, name: 'stuck' },
    };
    await writeDocuments(region.nats, [claim], '');
    await writeDocuments(region.nats, [{ subject: subjects.spec(endpointId), body: spec }], '');
    await eventually(async () => expect(await last(subjects.spec(endpointId))).toMatchObject({ kind: 'tombstone' }));
    expect((await create('stuck')).status).toBe(202);
  });

  it('leaves a tombstone without secrets, frees the name, and answers 404', async () => {
    const id = (await create('short-lived', 'hf_a-secret-of-its-own')).body.dedicated_inference?.id ?? '';
    expect((await remove(id)).status).toBe(202);
    expect((await remove(id)).status).toBe(202);
    const scaled = await region.call(0, { method: 'PATCH', path: `${collection}/${id}`, body: { spec: {} } });
    expect([scaled.status, scaled.body.id]).toEqual([409, 'endpoint_deleting']);
    const taken = await create('short-lived');
    expect([taken.status, taken.body.id]).toEqual([409, 'name_taken']);
    const deleting = await region.call(2, { path: `${collection}/${id}` });
    expect(deleting.body.dedicated_inference?.status).toBe('deleting');
    const events = { path: `${collection}/${id}/events` };
    expect((await region.call(2, events)).status).toBe(200);
    await tearDown(id, deleting.body.dedicated_inference?.revision ?? 0);
    await eventually(async () => {
      for (const index of [0, 1, 2])
        expect((await region.call(index, { path: `${collection}/${id}` })).status).toBe(404);
    });
    expect((await remove(id)).status).toBe(404);
    for (const headers of [{}, { accept: 'text/event-stream' }])
      expect((await region.call(2, { ...events, headers })).status).toBe(404);
    expect(await last(subjects.spec(id))).toEqual({
      v: 1,
      kind: 'tombstone',
      endpointId: id,
      team: 'alpha',
      deletedAt: expect.any(String),
      intents: [expect.objectContaining({ verb: 'release', actor: 'fairway' })],
    });
    expect(JSON.stringify(await last(subjects.spec(id)))).not.toContain('short-lived');
    expect(await last(subjects.access(testVpcId, id))).toMatchObject({ kind: 'revoked' });
    expect(await last(subjects.name('alpha', digest('short-lived')))).toEqual({ v: 1, kind: 'released' });
    const again = await create('short-lived');
    expect(again.status, again.text).toBe(202);
    expect(again.body.dedicated_inference?.id).not.toBe(id);
  });

  it('does not release what the provisioner still holds, or what nobody wants deleted', async () => {
    const id = (await create('alive')).body.dedicated_inference?.id ?? '';
    await tearDown(id, 1);
    await region.publishStatus(id, statusDocument({ endpointId: id, state: 'deleting', observedRevision: 1 }));
    await remove(id);
    const shown = await region.call(2, { path: `${collection}/${id}` });
    expect([shown.status, shown.body.dedicated_inference?.status]).toEqual([200, 'deleting']);
    expect(await last(subjects.spec(id))).toMatchObject({ kind: 'spec' });
  });

  it('is finished by a process that starts later', async () => {
    const id = (await create('orphaned')).body.dedicated_inference?.id ?? '';
    await region[Symbol.asyncDispose]();
    region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [] });
    await writeDeletion(id);
    await tearDown(id, 1);
    await region[Symbol.asyncDispose]();
    region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url, server.url] });
    await eventually(async () => expect(await last(subjects.spec(id))).toMatchObject({ kind: 'tombstone' }));
  });

  it('tells each step in the audit log and in the timeline', async () => {
    const id = (await create('told')).body.dedicated_inference?.id ?? '';
    await remove(id);
    await eventually(async () => {
      const audit = await readLast(region.nats, streams.audit.name, subjects.audit('spec', id));
      expect(auditDocumentSchema.parse(audit?.body)).toMatchObject({ action: 'delete', actor: 'token-of-alpha' });
      const event = await readLast(region.nats, streams.events.name, subjects.event(id));
      expect(eventDocumentSchema.parse(event?.body)).toMatchObject({ type: 'endpoint.delete_requested' });
    });
  });

  async function writeDeletion(id: string): Promise<void> {
    const stored = await readLast(region.nats, streams.desired.name, subjects.spec(id));
    const spec = specDocumentSchema.parse(stored?.body);
    const body = { ...spec, deletion: { requestedAt: spec.createdAt, requestedBy: 'a process that died' } };
    const write = { subject: subjects.spec(id), body, expectedSeq: stored?.seq ?? 0 };
    expect((await writeDocuments(region.nats, [write], '')).kind).toBe('stored');
  }
});
