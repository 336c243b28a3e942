import { describe, expect, it } from 'vitest';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { startNatsServer } from '#shared/testing/nats-server.ts';
import { systemClock } from '../clock.ts';
import { createLogger, silentLogger } from '../log.ts';
import { connectNats, type Nats } from './nats.ts';
import { isNatsTrouble, readLast, writeDocuments } from './nats-publish.ts';

const log = silentLogger();
const dial = (server: ChildServer): Promise<Nats> => connectNats({ url: server.url, name: 'test', log });

/** A request that the server itself answers. */
const answers = async (nats: Nats): Promise<void> => {
  await nats.nc.rtt();
  expect(nats.up()).toBe(true);
};

describe('a NATS connection', () => {
  it('waits for a server that is not there yet, says so once, and ends the wait when it is told to', async () => {
    const said: string[] = [];
    const stop = new AbortController();
    const waiting = connectNats({
      url: `nats://127.0.0.1:${await freePort()}`,
      name: 'early',
      log: createLogger('test', { destination: { write: (line: string) => void said.push(line) } }),
      signal: stop.signal,
    });
    waiting.catch(() => {});
    await eventually(() => expect(said.join('')).toContain('nats.waiting'));
    // That it says no more can only be seen by waiting: two more tries.
    await systemClock.sleep(600);
    expect(said).toHaveLength(1);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow();
  });

  it('takes user and password out of the address, and keeps trying with the wrong ones', async () => {
    await using server = await startNatsServer('authorization { user: fair, password: "p@ss/w:rd" }');
    const withPassword = (password: string): string =>
      server.url.replace('nats://', `nats://fair:${encodeURIComponent(password)}@`);
    await using nats = await connectNats({ url: withPassword('p@ss/w:rd'), name: 'right', log });
    await answers(nats);
    const said: string[] = [];
    const stop = new AbortController();
    const wrong = connectNats({
      url: withPassword('wrong'),
      name: 'wrong',
      log: createLogger('test', { destination: { write: (line: string) => void said.push(line) } }),
      signal: stop.signal,
    });
    wrong.catch(() => {});
    await eventually(() =>
      expect(said.join('')).toMatch(/nats\.waiting[\s\S]*[Aa]uthorization|[Aa]uthorization[\s\S]*nats\.waiting/),
    );
    stop.abort(new Error('enough'));
    await expect(wrong).rejects.toThrow();
  });

  it.each(['', 'nats://', '127.0.0.1:4222', 'redis://127.0.0.1:4222', 'nats://127.0.0.1:4222,what'])(
    'says what an address must look like instead of %j, and does not repeat it',
    async (url) => {
      await expect(connectNats({ url, name: 'test', log })).rejects.toThrow(
        expect.objectContaining({ name: 'ConfigError', message: expect.stringContaining('nats://user:password@host') }),
      );
    },
  );

  it('never falls back to plain text when the address says tls', async () => {
    await using server = await startNatsServer();
    const secure = { url: server.url.replace('nats:', 'tls:'), name: 'test', log, signal: AbortSignal.timeout(1000) };
    await expect(connectNats(secure)).rejects.toThrow();
  });

  it('reconnects after the server was killed and started again on its port', async () => {
    await using server = await startNatsServer();
    await using nats = await dial(server);
    let tries = 0;
    void (async () => {
      for await (const { type } of nats.nc.status()) if (type === 'reconnecting') tries += 1;
    })();
    await server.kill();
    await eventually(() => expect(nats.up()).toBe(false));
    const failure: unknown = await readLast(nats, 'NONE', 'a').catch((error: unknown) => error);
    expect(isNatsTrouble(failure)).toBe(true);
    await eventually(() => expect(tries).toBeGreaterThan(5));
    await server.restart();
    await eventually(() => answers(nats));
  });

  it('notices a server that hangs within 15 seconds, fails requests in time until then, and comes back', async () => {
    await using server = await startNatsServer();
    await using nats = await dial(server);
    await server.pause();
    const noticed = ownTimeOf(eventually(() => expect(nats.up()).toBe(false), { timeoutMs: 40_000 }));
    expect(await ownTimeOf(writeDocuments(nats, [{ subject: 'a', body: 1 }], 'x'))).toBeLessThan(3000);
    expect(await noticed).toBeLessThan(15_000);
    server.resume();
    await eventually(() => answers(nats));
  });

  it.each(['up', 'down', 'hanging'])('ends in bounded time when the server is %s', async (state) => {
    await using server = await startNatsServer();
    const nats = await dial(server);
    if (state === 'down') await server.kill();
    if (state === 'hanging') await server.pause();
    expect(await ownTimeOf(nats[Symbol.asyncDispose]())).toBeLessThan(3000);
    expect(nats.nc.isClosed()).toBe(true);
    await nats[Symbol.asyncDispose]();
    server.resume();
  });

  it('takes a stream without a leader for trouble that may pass', async () => {
    await using server = await startNatsServer();
    await using nats = await dial(server);
    const outcome = await writeDocuments(nats, [{ subject: 'no.stream.here', body: 1 }], 'x');
    expect(outcome).toEqual({ kind: 'doubtful', reason: 'the stream has no leader' });
    await using plain = await startNatsServer(
      'server_name: plain\naccounts { A { users: [{ user: a, password: a }] } }',
    );
    await using without = await connectNats({ url: plain.url.replace('nats://', 'nats://a:a@'), name: 'test', log });
    const failure: unknown = await readLast(without, 'NONE', 'a').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
    expect(isNatsTrouble(failure)).toBe(true);
  });
});
