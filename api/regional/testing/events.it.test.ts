import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventsReplySchema, type EventsReply } from '#shared/contract/resource.ts';
import type { EventDocument } from '#shared/contract/status.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats, type RegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { readCentralConfig } from '../../central/config.ts';
import { startCentralApi } from '../../central/service.ts';
import { createBody } from './create-body.ts';
import { alphaToken, betaToken, startTestRegion, type TestRegion } from './region-fixture.ts';

describe('the timeline of an endpoint', () => {
  const started = endAfterAll();
  let server: RegionNats;
  let region: TestRegion;
  let id: string;
  beforeAll(async () => {
    server = await started.use(startRegionNats());
    region = await started.use(startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url, server.url] }));
    const made = await region.call(0, { method: 'POST', body: createBody('timeline') });
    id = made.body.dedicated_inference?.id ?? '';
  });

  const path = (query = ''): string => `/v2/dedicated-inferences/${id}/events${query}`;
  const publish = async (message: string, parts: Partial<EventDocument> = {}): Promise<void> => {
    const told = { endpointId: id, team: 'alpha', at: '2026-11-22T12:00:00.000Z', actor: 'provisioner-1', revision: 1 };
    const body = {
      v: 1,
      type: 'phase.changed',
      phase: 'load',
      reason: 'Loading',
      message,
      hint: '',
      ...told,
      ...parts,
    };
    await region.nats.js.publish(subjects.event(id), JSON.stringify(body));
  };
  const list = async (query = ''): Promise<EventsReply> => {
    const reply = await region.call(1, { path: path(query) });
    expect(reply.status, reply.text).toBe(200);
    return eventsReplySchema.parse(reply.body);
  };
  /** Opens a stream and gives out events, comments left out. */
  const follow = async (headers: Record<string, string> = {}, url = region.apis[1]?.url ?? '') => {
    const stop = new AbortController();
    const response = await fetch(`${url}${path()}`, {
      headers: { authorization: `Bearer ${alphaToken}`, accept: 'text/event-stream', ...headers },
      signal: stop.signal,
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const next = async (): Promise<{ id: string; message: string } | undefined> => {
      for (;;) {
        const found = /^id: (\d+)\nevent: \S+\ndata: (.+)\n\n/m.exec(text);
        if (found) {
          text = text.slice(found.index + found[0].length);
          const { message } = JSON.parse(found[2] ?? '') as { message: string };
          return { id: found[1] ?? '', message };
        }
        const read = await reader?.read();
        if (read?.value === undefined) return undefined;
        text += read.value;
      }
    };
    return { next, stop: () => stop.abort() };
  };

  it('tells the create with who did it, then what the provisioner says, oldest first, in pages', async () => {
    await eventually(async () => expect((await list()).meta.total).toBe(1));
    for (const message of ['one', 'two', 'three']) await publish(message);
    const all = await list();
    expect(all.events.map(({ type }) => type)).toEqual(['endpoint.created', ...Array<string>(3).fill('phase.changed')]);
    expect(all.events[0]).toMatchObject({ actor: 'token-of-alpha', reason: 'Accepted' });
    const first = await list('?per_page=2');
    expect([first.events.length, first.meta.total]).toEqual([2, 4]);
    const rest = await list(new URL(first.links.pages?.next ?? '').search);
    expect([...first.events, ...rest.events]).toEqual(all.events);
    expect(rest.links).toEqual({});
  });

  it('streams what was and what comes, and goes on behind Last-Event-ID', async () => {
    const { events } = await list();
    const live = await follow();
    for (const { id: seq } of events) expect(await live.next()).toMatchObject({ id: seq });
    await publish('live');
    const seen = await live.next();
    expect(seen?.message).toBe('live');
    live.stop();
    await publish('missed');
    const again = await follow({ 'last-event-id': seen?.id ?? '' });
    expect(await again.next()).toMatchObject({ message: 'missed' });
    again.stop();
  });

  it('streams through the front door as it comes', async () => {
    const settings = {
      FAIRWAY_PORT: '0',
      FAIRWAY_NATS_URL: server.urlOf({ role: 'central' }),
      FAIRWAY_REGIONS: `atl1=${region.apis[0]?.url}`,
    };
    await using central = await startCentralApi(readCentralConfig(settings), { log: silentLogger() });
    const live = await follow({}, central.url);
    const { meta } = await list();
    for (let count = 0; count < meta.total; count += 1) await live.next();
    await publish('through the front door');
    expect(await live.next()).toMatchObject({ message: 'through the front door' });
    live.stop();
  });

  it("is nobody else's, and refuses what is no place in it", async () => {
    for (const accept of ['application/json', 'text/event-stream']) {
      expect((await region.call(0, { path: path(), token: betaToken, headers: { accept } })).status).toBe(404);
      const unknown = `/v2/dedicated-inferences/${randomUUID()}/events`;
      expect((await region.call(0, { path: unknown, headers: { accept } })).status).toBe(404);
      expect((await region.call(0, { path: path(), headers: { accept, 'last-event-id': 'x' } })).status).toBe(422);
    }
    expect((await region.call(0, { path: path('?per_page=201') })).status).toBe(422);
    const twice = { path: path('?after=x'), headers: { 'last-event-id': '1' } };
    expect((await region.call(0, twice)).body.errors?.map((one) => one.path)).toEqual(['after']);
    expect((await region.call(0, { path: path(), method: 'POST' })).status).toBe(405);
  });

  it('ends with the endpoint', async () => {
    const live = await follow();
    await publish('gone', { type: 'endpoint.deleted' });
    let last;
    for (let event = await live.next(); event !== undefined; event = await live.next()) last = event;
    expect(last?.message).toBe('gone');
  });
});
