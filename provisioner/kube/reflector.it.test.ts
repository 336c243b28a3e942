import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { createTestClock, type TestClock } from '#shared/testing/test-clock.ts';
import { kinds } from './kinds.ts';
import { KubeClient } from './kube-client.ts';
import type { Change } from './object-store.ts';
import { startReflector, type Reflector, type ReflectorBounds, type ReflectorEvent } from './reflector.ts';
import { ScriptedApiServer, contentsOf, faults, goneEvent, line } from '../testing/scripted-api-server.ts';

let clock: TestClock;
let server: ScriptedApiServer;
let changes: string[];
let events: Partial<Record<ReflectorEvent, number>>;

const started = endAfterEach();
beforeEach(async () => {
  clock = createTestClock();
  server = await started.use(new ScriptedApiServer(() => clock.now()).open());
  server.put('a', '1');
  server.put('b', '1');
  changes = [];
  events = {};
});

function reflect(bounds: Partial<ReflectorBounds> = {}, onChange?: (change: Change) => void): Reflector {
  const access = { server: new URL(server.url), tls: {}, headers: () => Promise.resolve({}) };
  const client = started.keep(new KubeClient(access, { requestTimeoutMs: 400 }));
  return started.keep(
    startReflector({
      client,
      kind: kinds.pod,
      clock,
      log: silentLogger(),
      random: () => 0.5,
      bounds,
      labelSelector: 'fairway.dev/endpoint',
      onChange: onChange ?? ((change) => changes.push(describeChange(change))),
      onEvent: (event) => (events[event] = (events[event] ?? 0) + 1),
    }),
  );
}

function describeChange(change: Change): string {
  return `${change.type} ${(change.type === 'deleted' ? change.old : change.new).metadata.name}`;
}

/** Moves the test's time until the copy equals the server's contents and a watch is open. */
async function converges(reflector: Reflector, stepMs = 500): Promise<void> {
  const look = async (): Promise<void> => {
    await clock.advance(stepMs);
    expect(contentsOf(reflector.store.list())).toEqual(server.contents);
    expect(server.watching).toBe(1);
  };
  await eventually(look, { everyMs: 2 });
}

async function synced(bounds: Partial<ReflectorBounds> = {}): Promise<Reflector> {
  const reflector = reflect(bounds);
  await reflector.synced(AbortSignal.timeout(30_000));
  await eventually(() => expect(server.watching).toBe(1));
  changes = [];
  return reflector;
}

const verbs = (verb: 'list' | 'watch') => server.requests.filter((request) => request.verb === verb);

describe('normal operation', () => {
  test('lists, then watches from the listed version with bookmarks, selector and a bounded time', async () => {
    const reflector = await synced();
    expect(contentsOf(reflector.store.list())).toEqual(['a=1', 'b=1']);
    const [watch] = verbs('watch');
    expect(Object.fromEntries(watch?.query ?? [])).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      labelSelector: 'fairway.dev/endpoint',
      resourceVersion: server.version,
      timeoutSeconds: '270',
    });
    expect(reflector.store.get({ namespace: 'test', name: 'a' })).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
    expect(reflector.store.list()[0]?.metadata).not.toHaveProperty('managedFields');
  });

  test('follows additions, changes and deletions, in order', async () => {
    const reflector = await synced();
    server.put('c', '1');
    server.put('a', '2');
    server.remove('b');
    await reflector.reached(server.version, AbortSignal.timeout(30_000));
    expect(changes).toEqual(['added c', 'changed a', 'deleted b']);
    expect(contentsOf(reflector.store.list())).toEqual(server.contents);
  });

  test('a bookmark moves the version, and the next watch starts there', async () => {
    const reflector = await synced();
    server.remove('zzz', { unseen: true });
    server.remove('b', { unseen: true });
    server.bookmark();
    await reflector.reached(server.version, AbortSignal.timeout(30_000));
    await clock.advance(2_000);
    server.toWatchers((response) => response.end());
    await eventually(() => expect(verbs('watch')).toHaveLength(2));
    expect(verbs('watch')[1]?.query.get('resourceVersion')).toBe(server.version);
  });

  test('bytes that drip in, split inside a character, are one event', async () => {
    const reflector = await synced();
    server.toWatchers((response) => response.socket?.setNoDelay(true));
    const event = {
      type: 'ADDED',
      object: {
        kind: 'Pod',
        metadata: { name: 'ü', namespace: 'test', resourceVersion: '2000' },
        spec: { value: '1' },
      },
    };
    for (const byte of Buffer.from(line(event))) {
      server.toWatchers((response) => response.write(Buffer.of(byte)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await reflector.reached('2000', AbortSignal.timeout(30_000));
    expect(changes).toEqual(['added ü']);
  });

  test('a callback that throws is counted and stops nothing', async () => {
    const reflector = reflect({}, () => {
      throw new Error('callback');
    });
    await converges(reflector);
    expect(events.callback_failed).toBe(2);
  });
});

describe('after a fault it goes on and misses nothing', () => {
  test.each<[string, () => void]>([
    ['the server closes the watch cleanly', () => server.toWatchers((response) => response.end())],
    ['TCP is reset', () => server.toWatchers((response) => response.socket?.resetAndDestroy())],
    ['the stream ends inside a line', () => server.toWatchers((response) => response.end('{"type":"ADD'))],
    ['a line is not JSON', () => server.toWatchers((response) => response.write('{"type":\n'))],
    ['a line is no event', () => server.toWatchers((response) => response.write('{"type":"NONSENSE","object":{}}\n'))],
    ['a line is null', () => server.toWatchers((response) => response.write('null\n'))],
    ['410 comes inside the watch', () => server.toWatchers((response) => response.end(line(goneEvent)))],
  ])('%s', async (_, fault) => {
    const reflector = await synced();
    const requests = server.requests.length;
    fault();
    await eventually(() => expect(server.watching === 0 || server.requests.length > requests).toBe(true));
    server.put('c', '1');
    server.put('a', '2');
    server.remove('b');
    await converges(reflector);
    expect(changes.toSorted()).toEqual(['added c', 'changed a', 'deleted b']);
  });

  test.each([
    ['500', faults.status(500)],
    ['TCP reset', faults.reset()],
    ['an HTML page with status 200', faults.body('<html>proxy</html>')],
    ['a half-open connection', faults.halfOpen()],
    ['403', faults.status(403)],
  ])('lists answer %s, twice', async (_, fault) => {
    server.nextLists.push(fault, fault);
    const reflector = reflect();
    await converges(reflector);
    expect(events.list_failed).toBe(2);
  });

  test.each([
    ['500', faults.status(500)],
    ['TCP reset', faults.reset()],
    ['410 as a status', faults.status(410, { reason: 'Expired' })],
    ['a half-open connection', faults.halfOpen()],
    ['504 version too large', faults.status(504, { reason: 'Timeout' })],
  ])('watches answer %s, twice', async (_, fault) => {
    const reflector = await synced();
    server.nextWatches.push(fault, fault);
    server.toWatchers((response) => response.end());
    await eventually(() => expect(server.watching).toBe(0));
    server.remove('b');
    await converges(reflector);
    expect(changes).toEqual(['deleted b']);
  });

  test('a deletion that no event told is found by the list after a 410', async () => {
    const reflector = await synced();
    server.toWatchers((response) => response.end());
    await eventually(() => expect(server.watching).toBe(0));
    server.remove('b');
    server.put('c', '1');
    server.compact();
    await converges(reflector);
    expect(changes).toEqual(['deleted b', 'added c']);
    expect(events).toMatchObject({ watch_gone: 1, listed: 2, relist_change: 2 });
  });

  test('a server that is away for a long time, at every address', async () => {
    const reflector = await synced();
    await server.close();
    await eventually(async () => {
      await clock.advance(30_000);
      expect(events.watch_failed ?? 0).toBeGreaterThan(5);
    });
    server.remove('a');
    await server.open();
    await converges(reflector, 5_000);
    expect(changes).toEqual(['deleted a']);
  });
});

describe('silence', () => {
  test('a watch without a word for 90 s is cut and followed by a list', async () => {
    const reflector = await synced();
    server.remove('b', { unseen: true });
    await clock.advance(89_000);
    expect(verbs('watch')).toHaveLength(1);
    await clock.advance(2_000);
    await converges(reflector);
    expect(changes).toEqual(['deleted b']);
    expect(events.watch_inactive).toBe(1);
  });

  test('bookmarks keep a quiet watch alive', async () => {
    const reflector = await synced();
    for (let minute = 1; minute <= 5; minute += 1) {
      await clock.advance(60_000);
      server.bookmark();
      await eventually(() => expect(reflector.lastSeenAt).toBe(clock.now()));
    }
    expect(verbs('watch')).toHaveLength(1);
  });

  test('a watch that sends headers and never a line is cut', async () => {
    server.nextWatches.push(faults.silent());
    const reflector = reflect();
    await reflector.synced(AbortSignal.timeout(30_000));
    await eventually(() => expect(verbs('watch')).toHaveLength(1));
    server.remove('a', { unseen: true });
    await clock.advance(91_000);
    await converges(reflector);
  });
});

describe('the periodic list', () => {
  test('finds what a healthy watch never said', async () => {
    const reflector = await synced({ inactivityMs: 10_000_000 });
    server.remove('b', { unseen: true });
    await clock.advance(599_000);
    expect(verbs('list')).toHaveLength(1);
    await clock.advance(2_000);
    await converges(reflector);
    expect(changes).toEqual(['deleted b']);
    expect(events.relist_change).toBe(1);
  });

  test('when it fails, watching goes on and the list is tried again', async () => {
    const reflector = await synced({ inactivityMs: 10_000_000 });
    server.nextLists.push(faults.status(500));
    await clock.advance(601_000);
    await eventually(() => expect(verbs('watch')).toHaveLength(2));
    server.put('c', '1');
    await reflector.reached(server.version, AbortSignal.timeout(30_000));
    await clock.advance(31_000);
    await eventually(() => expect(events.listed).toBe(2));
    expect(verbs('list')).toHaveLength(3);
  });
});

describe('versions that go back', () => {
  test('a stale list is not believed', async () => {
    const reflector = await synced();
    const stale = server.listBody('900');
    server.put('c', '1');
    await reflector.reached(server.version, AbortSignal.timeout(30_000));
    changes = [];
    server.nextLists.push(faults.body(stale), faults.body(stale));
    server.toWatchers((response) => response.end(line(goneEvent)));
    await converges(reflector);
    await eventually(() => expect(events.listed).toBe(2));
    expect(events.stale_list).toBe(2);
    expect(changes).toEqual([]);
  });

  test('a server restored from a backup is believed in the end', async () => {
    const reflector = await synced();
    server.restore(500);
    server.put('new', '1');
    server.toWatchers((response) => response.end(line(goneEvent)));
    await converges(reflector);
    expect(events).toMatchObject({ history_reset: 1, stale_list: 4 });
    expect(reflector.resourceVersion).toBe('501');
  });
});

describe('waits', () => {
  test.each([429, 503])('%d with Retry-After is obeyed by watch and list', async (code) => {
    const reflector = await synced();
    const busy = faults.status(code, { retryAfter: '20' });
    server.nextWatches.push(busy, faults.status(410));
    server.nextLists.push(busy);
    await clock.advance(1_500);
    server.toWatchers((response) => response.end());
    await converges(reflector, 250);
    const [, refused, gone] = verbs('watch');
    const [, refusedList, list] = verbs('list');
    expect((gone?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(20_000);
    expect((list?.at ?? 0) - (refusedList?.at ?? 0)).toBeGreaterThanOrEqual(20_000);
  });

  test('failures back off, and grow to the bound', async () => {
    await synced();
    await server.close();
    await eventually(async () => {
      await clock.advance(1_000);
      expect(events.watch_failed ?? 0).toBeGreaterThanOrEqual(9);
    });
    const before = events.watch_failed ?? 0;
    for (let step = 0; step < 150; step += 1) await clock.advance(1_000);
    expect((events.watch_failed ?? 0) - before).toBeLessThanOrEqual(11);
  });

  test('a server that closes each watch at once is not hammered', async () => {
    for (let count = 0; count < 3; count += 1) server.nextWatches.push(faults.lines());
    reflect();
    for (const [closed, waitMs] of [400, 800, 1_600].entries()) {
      await eventually(() => expect(events.watch_closed).toBe(closed + 1));
      await clock.advance(waitMs - 1);
      expect(verbs('watch')).toHaveLength(closed + 1);
      await clock.advance(1);
    }
    await eventually(() => expect(server.watching).toBe(1));
  });
});

describe('disposing', () => {
  test.each<[string, () => void]>([
    ['while a list hangs', () => server.nextLists.push(faults.halfOpen())],
    ['while a watch hangs', () => server.nextWatches.push(faults.halfOpen())],
    ['while it backs off', () => server.nextLists.push(faults.status(503, { retryAfter: '3600' }))],
    ['while it watches', () => {}],
  ])('%s ends at once', async (_, arrange) => {
    arrange();
    const reflector = reflect();
    await eventually(() => expect(server.requests.length).toBeGreaterThan(0));
    const waiting = expect(reflector.reached('999999')).rejects.toThrow('was stopped');
    await reflector[Symbol.asyncDispose]();
    await waiting;
    await eventually(() => expect(server.watching).toBe(0));
  });
});

test.each([1, 2, 3, 4, 5])('whatever happens, it converges (seed %d)', async (seed) => {
  let state = seed;
  const random = () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const reflector = await synced();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const anyFault = [
    faults.status(500),
    faults.reset(),
    faults.status(410),
    faults.status(429, { retryAfter: '1' }),
    faults.lines(goneEvent),
  ];
  const steps: (() => void)[] = [
    () => server.put(pick(['a', 'b', 'c', 'd']), String(random())),
    () => server.put(pick(['a', 'b', 'c', 'd']), String(random())),
    () => server.remove(pick(['a', 'b', 'c', 'd'])),
    () => server.toWatchers((response) => response.end()),
    () => server.toWatchers((response) => response.socket?.resetAndDestroy()),
    () => server.toWatchers((response) => response.write('garbage\n')),
    () => void server.nextWatches.push(pick(anyFault)),
    () => void server.nextLists.push(pick(anyFault)),
    () => server.compact(),
  ];
  for (let step = 0; step < 150; step += 1) {
    pick(steps)();
    if (random() < 0.5) await clock.advance(random() * 2_000);
  }
  await converges(reflector, 10_000);
});
