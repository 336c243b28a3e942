import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditDocument } from '#shared/contract/audit.ts';
import { desiredSchema, intentsMax, writtenAccessSchema } from '#shared/contract/desired.ts';
import { eventsReplySchema } from '#shared/contract/resource.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { contentHash } from '../endpoints/next-document.ts';
import { readAudit } from './audit-log.ts';
import { createBody } from './create-body.ts';
import { startTestRegion, testVpcId, type TestReply, type TestRegion } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';
const up = (a: number, b: number): number => a - b;

describe('the audit log of an endpoint', () => {
  const started = endAfterAll();
  let region: TestRegion;

  beforeAll(async () => {
    const server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
  });

  const create = async (name: string): Promise<string> =>
    (await region.call(0, { method: 'POST', body: createBody(name) })).body.dedicated_inference?.id ?? '';
  const addToken = (id: string, name: string, at = 0): Promise<TestReply> =>
    region.call(at, { method: 'POST', path: `${collection}/${id}/tokens`, body: { name } });
  const revoke = async (id: string, tokenId = '', at = 0): Promise<number> =>
    (await region.call(at, { method: 'DELETE', path: `${collection}/${id}/tokens/${tokenId}` })).status;
  const linesOf = (id: string, document: 'spec' | 'access'): Promise<AuditDocument[]> =>
    readAudit(region.nats, subjects.audit(document, id));
  const stored = async (subject: string): Promise<unknown> =>
    (await readLast(region.nats, streams.desired.name, subject))?.body;
  const hashOf = async (subject: string): Promise<string> => contentHash(Object(await stored(subject)));

  /** How many lines do not begin with what the one before them left; each must be later than that one. */
  const gapsIn = (lines: readonly AuditDocument[]): number => {
    expect(lines.map(({ revision }) => revision)).toEqual([...new Set(lines.map(({ revision }) => revision))].sort(up));
    return lines.filter(({ before }, index) => index > 0 && before !== lines[index - 1]?.after).length;
  };

  it('has a line for each change of its spec and of its tokens, by any process, with what was before and after', async () => {
    const id = await create('audited');
    const token = (await addToken(id, 'second', 1)).body.token;
    await region.call(0, { method: 'PUT', path: `${collection}/${id}/routing`, body: { policy: 'least_in_flight' } });
    expect(await revoke(id, token?.id, 0)).toBe(204);
    await addToken(id, 'third', 1);
    await region.call(1, { method: 'DELETE', path: `${collection}/${id}` });
    await eventually(async () => {
      expect((await linesOf(id, 'spec')).map(({ action }) => action)).toEqual(['create', 'update', 'delete']);
      const tokens = (await linesOf(id, 'access')).map(({ action }) => action);
      expect(tokens).toEqual(['create_token', 'revoke_token', 'create_token']);
    });
    for (const [document, subject] of [
      ['spec', subjects.spec(id)],
      ['access', subjects.access(testVpcId, id)],
    ] as const) {
      const lines = await linesOf(id, document);
      expect(gapsIn(lines)).toBe(0);
      expect(lines.at(-1)?.after).toBe(await hashOf(subject));
      expect(lines.every(({ actor }) => actor === 'token-of-alpha')).toBe(true);
      expect(JSON.stringify(lines)).not.toContain(token?.value);
    }
    expect((await linesOf(id, 'spec'))[0]?.before).toBeNull();
    const timeline = eventsReplySchema.parse((await region.call(0, { path: `${collection}/${id}/events` })).body);
    // Of two documents, changed at two processes, the lines come as they are written.
    expect(timeline.events.toSorted((a, b) => a.revision - b.revision).map(({ type }) => type)).toEqual([
      'endpoint.created',
      'token.created',
      'endpoint.updated',
      'token.revoked',
      'token.created',
      'endpoint.delete_requested',
    ]);
  });

  it('repeats no line that has left it for want of room', async () => {
    const id = await create('long-ago');
    const path = `${collection}/${id}/routing`;
    await eventually(async () => expect(await linesOf(id, 'spec')).toHaveLength(1));
    const later = await create('later');
    await eventually(async () => expect(await linesOf(later, 'spec')).toHaveLength(1));
    const kept = await readLast(region.nats, streams.audit.name, subjects.audit('spec', later));
    await region.nats.jsm.streams.purge(streams.audit.name, { seq: kept?.seq ?? 0 });
    await region.call(1, { method: 'PUT', path, body: { policy: 'affinity' } });
    await eventually(async () => expect((await linesOf(id, 'spec')).map(({ action }) => action)).toContain('update'));
    expect((await linesOf(id, 'spec')).map(({ action }) => action)).toEqual(['update']);
  });

  it('is complete when its documents go', async () => {
    const id = await create('released');
    await addToken(id, 'second');
    await region.call(0, { method: 'DELETE', path: `${collection}/${id}` });
    await region.publishStatus(id, statusDocument({ endpointId: id, state: 'gone', observedRevision: 1 }));
    await eventually(async () => expect(await stored(subjects.spec(id))).toMatchObject({ kind: 'tombstone' }));
    expect((await linesOf(id, 'access')).map(({ action }) => action)).toEqual(['create_token']);
    await eventually(async () =>
      expect((await linesOf(id, 'spec')).map(({ action }) => action)).toEqual(['create', 'delete', 'release']),
    );
    const lines = await linesOf(id, 'spec');
    expect(gapsIn(lines)).toBe(0);
    expect(lines.at(-1)).toMatchObject({ actor: 'fairway', after: await hashOf(subjects.spec(id)) });
    expect(desiredSchema.parse(await stored(subjects.spec(id))).intents).toHaveLength(1);
  });

  it('has every line when intents leave a full list, two processes at once', async () => {
    const id = await create('many');
    const rounds = intentsMax / 2 + 4;
    await Promise.all(
      [0, 1].map(async (at) => {
        for (let round = 0; round < rounds; round += 1) {
          const made = await addToken(id, `token-${at}-${round}`, at);
          expect([made.status, await revoke(id, made.body.token?.id, at)]).toEqual([202, 204]);
        }
      }),
    );
    await eventually(async () => expect(await linesOf(id, 'access')).toHaveLength(4 * rounds));
    const lines = await linesOf(id, 'access');
    expect(gapsIn(lines)).toBe(0);
    expect(lines.at(-1)?.after).toBe(await hashOf(subjects.access(testVpcId, id)));
  });

  it('holds a change back whose line has no room, but never a delete', async () => {
    const id = await create('held-back-spec');
    await makeTestStreams(region.nats, [{ ...streams.audit, maxMessageBytes: 16 }]);
    const route = (choices: number): Promise<TestReply> =>
      region.call(0, { method: 'PUT', path: `${collection}/${id}/routing`, body: { choices_max: choices } });
    for (let count = 1; count < intentsMax; count += 1) expect((await route(count)).status).toBe(202);
    expect([(await route(intentsMax)).status, (await route(intentsMax)).status]).toEqual([503, 503]);
    expect((await region.call(1, { method: 'DELETE', path: `${collection}/${id}` })).status).toBe(202);
    await makeTestStreams(region.nats, [streams.audit]);
    await eventually(async () => expect((await linesOf(id, 'spec')).at(-1)).toMatchObject({ action: 'delete' }));
    expect(await linesOf(id, 'spec')).toHaveLength(intentsMax);
  });

  it('holds a change of tokens back whose line has no room, but never a revocation', async () => {
    const id = await create('held-back');
    await makeTestStreams(region.nats, [{ ...streams.audit, maxMessageBytes: 16 }]);
    const made: TestReply[] = [];
    for (let index = 0; index < intentsMax / 2; index += 1) {
      made.push(await addToken(id, `early-${index}`));
      expect(await revoke(id, made.at(-1)?.body.token?.id)).toBe(204);
    }
    const refused = await addToken(id, 'late');
    expect([refused.status, refused.body.message]).toEqual([503, 'The audit log cannot be written right now.']);
    const access = writtenAccessSchema.parse(await stored(subjects.access(testVpcId, id)));
    expect(access.intents).toHaveLength(intentsMax);
    expect(await revoke(id, access.tokens[0]?.tokenId)).toBe(204);
    expect(region.logText()).toContain('audit.line_lost');
    await makeTestStreams(region.nats, [streams.audit]);
    expect((await addToken(id, 'late')).status).toBe(202);
    await eventually(async () => expect(await linesOf(id, 'access')).toHaveLength(intentsMax + 1));
    expect(gapsIn(await linesOf(id, 'access'))).toBe(1);
  });
});
