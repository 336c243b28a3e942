import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { storeDocument } from '#shared/testing/store-document.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { systemClock } from '../clock.ts';
import { silentLogger } from '../log.ts';
import { startDocumentMap, type DocumentMap } from './document-map.ts';
import type { DocumentWrite } from './nats-publish.ts';
import type { StreamDefinition } from './nats-streams.ts';
import { connectNats } from './nats.ts';

const stream: StreamDefinition = {
  name: 'KV_m',
  subjects: ['$KV.m.>'],
  keep: 'document',
  maxBytes: 1_000_000,
  maxMessageBytes: 100_000,
  bucket: true,
};
const log = silentLogger();
const soon = (): AbortSignal => AbortSignal.timeout(30_000);

describe('a document map', () => {
  it('keeps the newest document of each subject, parks what it cannot read, and drops what is deleted or absent', async () => {
    await using server = await startNatsServer();
    await using nats = await connectNats({ url: server.url, name: 'test', log });
    await makeTestStreams(nats, [stream]);
    const changed: string[] = [];
    const parse = (json: unknown): number | null => (typeof json === 'number' ? json : null);
    const options = {
      nats,
      clock: systemClock,
      log,
      stream: 'KV_m',
      subject: '$KV.m.*',
      parse,
      rereadEveryMs: 300,
    } as const;
    await using map: DocumentMap<number> = startDocumentMap({
      ...options,
      parked: 'stays',
      onChange: (subject) => changed.push(subject),
    });
    const put = async (key: string, over: Partial<DocumentWrite>): Promise<void> => {
      await map.reached(await storeDocument(nats, { subject: `$KV.m.${key}`, body: null, ...over }), soon());
    };
    await put('a', { body: 1 });
    await put('b', { body: 2 });
    await put('a', { body: 3 });
    expect(map.get('$KV.m.a')).toEqual({ value: 3, seq: 3 });
    await put('a', { body: { v: 2 } });
    expect(map.get('$KV.m.a')).toEqual({ value: 3, seq: 3 });
    await using granting = startDocumentMap({ ...options, parked: 'goes' });
    await granting.whenSynced(soon());
    expect([...granting.entries()]).toEqual([['$KV.m.b', { value: 2, seq: 2 }]]);
    await put('b', { deleteMarker: true });
    expect([...map.entries()].map(([subject]) => subject)).toEqual(['$KV.m.a']);
    map.forget('$KV.m.a');
    expect(map.get('$KV.m.a')).toBeUndefined();
    await put('a', { body: 4, ttlMs: 1000 });
    expect(map.get('$KV.m.a')?.value).toBe(4);
    await eventually(() => expect(map.get('$KV.m.a')).toBeUndefined());
    expect(changed.at(-1)).toBe('$KV.m.a');
  });
});
