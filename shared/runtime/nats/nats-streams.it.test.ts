import { StorageType } from '@nats-io/jetstream';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { silentLogger } from '../log.ts';
import { connectNats, type Nats } from './nats.ts';
import { verifyStreams, type StreamDefinition } from './nats-streams.ts';

const needed: StreamDefinition = {
  name: 'A',
  subjects: ['a.*'],
  keep: 'document',
  maxBytes: 1_000_000,
  maxMessageBytes: 100_000,
};

describe('verifyStreams', () => {
  let server: ChildServer;
  let nats: Nats;

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startNatsServer());
    nats = await started.use(connectNats({ url: server.url, name: 'test', log: silentLogger() }));
    await makeTestStreams(nats, [needed]);
  });
  const refusal = (definition: StreamDefinition, check?: () => string | undefined) =>
    expect(verifyStreams(nats, [definition], check === undefined ? {} : { check })).rejects;

  it('is content with what a newer step has made, and changes nothing', async () => {
    const wider = { ...needed, subjects: ['a.*', 'b.*'], maxBytes: 9_000_000, denyDelete: true };
    await makeTestStreams(nats, [wider]);
    await nats.jsm.streams.update('A', { description: 'mine' });
    const before = (await nats.jsm.streams.info('A')).config;
    await verifyStreams(nats, [needed, wider]);
    expect((await nats.jsm.streams.info('A')).config).toEqual(before);
  });

  it('says what is missing or does not fit, and what to do', async () => {
    const missing = refusal({ ...needed, name: 'NONE' });
    await missing.toThrow('Stream NONE is missing.');
    await refusal({ ...needed, name: 'NONE' }).toThrow('npm run admin -- streams');
    await refusal({ ...needed, name: 'NONE' }).toMatchObject({ name: 'ConfigError' });
    await refusal({ ...needed, subjects: ['a.*', 'z.*'] }).toThrow('Stream A does not hold z.*.');
    await refusal({ ...needed, maxMessageBytes: 200_000 }).toThrow('bytes only, not of 200000');
    await nats.jsm.streams.add({ name: 'M', subjects: ['m.*'], storage: StorageType.Memory });
    await refusal({ ...needed, name: 'M', subjects: ['m.*'] }).toThrow('storage must be "file"');
    await refusal(needed, () => 'belongs to region nyc2').toThrow('Stream A belongs to region nyc2.');
  });

  it('waits for a JetStream that hangs, until it is told to stop', async () => {
    const stop = new AbortController();
    await server.pause();
    try {
      const verified = verifyStreams(nats, [needed], { signal: stop.signal });
      const ended = expect(verified).rejects.toThrow('Stream A cannot be had');
      stop.abort(new Error('enough'));
      await ended;
    } finally {
      server.resume();
    }
  });

  it('takes a mirror as the operator made it', async () => {
    await nats.jsm.streams.add({ name: 'MIRROR', mirror: { name: 'A' } });
    await verifyStreams(nats, [{ ...needed, name: 'MIRROR' }]);
  });
});
