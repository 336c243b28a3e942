import { describe, expect, it } from 'vitest';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { noScores } from './pick-scores.ts';
import type { Slot } from './picker.ts';
import { PoolWait, type WaitLimits } from './pool-wait.ts';
import { BookedSlot } from './slot.ts';
import { Tried } from './tried.ts';

const never = new AbortController().signal;
const prompt = { keys: new BigUint64Array(), bytesUpTo: new Float64Array(), firstUserEnd: -1 };

/** Pools that have as many replicas as a test says; a replica takes whatever comes. */
function make(more: Partial<WaitLimits> = {}) {
  const clock = createTestClock();
  const replicas = new Map([
    ['p', [replicaAt(1)]],
    ['q', [replicaAt(2)]],
  ]);
  const starts = new Map<string, PoolDocument['starting']>();
  const holds = new Map<string, PoolDocument['hold']>();
  const limits = { inFlightMax: 1, queueMax: 4, queueBytesMax: 100, turnTimeoutMs: 1000, capacityTimeoutMs: 500 };
  const wait: PoolWait = new PoolWait(
    {
      stateOf: (pool) => (starts.has(pool) ? 'starting' : replicas.has(pool) ? 'serving' : 'removed'),
      startOf: (pool) => ({ starting: starts.get(pool), hold: holds.get(pool) }),
      place: (work, { tried, excluded }) => {
        const replica = replicas.get(work.pool)?.find(({ replicaId }) => !excluded.has(replicaId));
        if (replica === undefined) return undefined;
        const ended = (end: SlotEnd): void => tried.note(replica.replicaId, end, clock.monotonic());
        const place = { replica, reason: 'only', scores: noScores, predictedCachedTokens: 0 };
        return new BookedSlot(place, { ended, release: () => wait.released(work.pool) });
      },
    },
    { ...limits, ...more },
    { clock },
  );
  const acquire = (
    { pool = 'p', flow = 'a', bytes = 10, tried }: { pool?: string; flow?: string; bytes?: number; tried?: Tried } = {},
    signal = never,
  ): Promise<Slot> => wait.acquire({ pool, flow, bytes, prompt, maxTokens: 0 }, signal, tried);
  return { clock, wait, replicas, starts, holds, acquire };
}

/** The order in which requests were served; each gives its slot back at once. */
function serveInTurn(acquire: ReturnType<typeof make>['acquire']) {
  const order: string[] = [];
  const queue = async (name: string, more: Parameters<typeof acquire>[0]): Promise<void> => {
    using _slot = await acquire(more);
    order.push(name);
    await Promise.resolve();
  };
  return { order, queue };
}

describe('the wait for a turn', () => {
  it('lets so many through and the next when one is done; a slot is given back once', async () => {
    const { wait, acquire } = make();
    const first = await acquire();
    const second = acquire();
    expect([wait.inFlight, wait.waiting]).toEqual([1, 1]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    const third = acquire();
    (await second)[Symbol.dispose]();
    (await third)[Symbol.dispose]();
    expect([wait.inFlight, wait.waiting]).toEqual([0, 0]);
  });

  it('refuses at once what does not fit into the queue, by number or by bytes', async () => {
    const { acquire, clock } = make();
    using _place = await acquire();
    const waiting = [acquire({ bytes: 40 }), acquire({ bytes: 40 })];
    await expect(acquire({ bytes: 21 })).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 5000 });
    await expect(acquire({ flow: 'b', bytes: 101 })).rejects.toMatchObject({ code: 'overloaded' });
    const more = [acquire({ flow: 'b', bytes: 0 }), acquire({ flow: 'b', bytes: 0 })];
    await expect(acquire({ flow: 'b', bytes: 0 })).rejects.toMatchObject({ code: 'overloaded' });
    const settled = Promise.allSettled([...waiting, ...more]);
    await clock.advance(1000);
    expect((await settled).map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
  });

  it('has two clocks: no turn in time is `overloaded`, no replica in time is `no_replica`', async () => {
    const { wait, acquire, replicas, clock } = make();
    const place = await acquire();
    const late = acquire();
    const refused = expect(late).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 5000 });
    await clock.advance(999);
    expect(wait.waiting).toBe(1);
    await clock.advance(1);
    await refused;
    const waiting = acquire();
    const alone = expect(waiting).rejects.toMatchObject({ code: 'no_replica', retryAfterMs: 5000 });
    await clock.advance(900);
    replicas.set('p', []);
    place[Symbol.dispose]();
    await clock.advance(499);
    expect(wait.waiting).toBe(1);
    await clock.advance(1);
    await alone;
    expect([wait.inFlight, wait.waiting]).toEqual([0, 0]);
  });

  it('frees the queue when the client leaves, also in the moment of its turn', async () => {
    const { wait, acquire } = make();
    const first = await acquire();
    const [left, leftToo] = [new AbortController(), new AbortController()];
    const waiting = Promise.allSettled([acquire({}, left.signal), acquire({ flow: 'b' }, leftToo.signal)]);
    left.abort(new Error('left'));
    first[Symbol.dispose]();
    leftToo.abort(new Error('left'));
    expect(await waiting).toMatchObject([{ reason: { message: 'left' } }, { reason: { message: 'left' } }]);
    expect([wait.inFlight, wait.waiting]).toEqual([0, 0]);
  });

  it('takes turns between flows, so that a long queue delays itself', async () => {
    const { acquire } = make();
    const { order, queue } = serveInTurn(acquire);
    const place = await acquire();
    const all = [...[1, 2, 3].map((n) => queue(`busy ${n}`, { flow: 'busy' })), queue('small', { flow: 'small' })];
    place[Symbol.dispose]();
    await Promise.all(all);
    expect(order).toEqual(['busy 1', 'small', 'busy 2', 'busy 3']);
  });

  it('lets a flow that has fewer waiting in when the queue is full: the longest one gives way', async () => {
    const { wait, acquire, clock } = make({ queueMax: 4, queueBytesMax: 1000 });
    using _place = await acquire();
    const busy = Promise.allSettled([1, 2, 3, 4].map(() => acquire({ flow: 'busy' })));
    const small = Promise.allSettled([acquire({ flow: 'small' }), acquire({ flow: 'small' })]);
    await expect(acquire({ flow: 'small' })).rejects.toMatchObject({ code: 'overloaded' });
    await expect(acquire({ flow: 'busy' })).rejects.toMatchObject({ code: 'overloaded' });
    expect(wait.waiting).toBe(4);
    await clock.advance(1);
    await clock.advance(1000);
    const ends = [...(await busy), ...(await small)].map((one) => one.status === 'rejected' && String(one.reason));
    const late = expect.stringMatching(/^AppError: overloaded: No turn/);
    const displaced = expect.stringMatching(/^AppError: rate_limit_exceeded: .*mostly of your requests/);
    expect(ends).toEqual([late, late, displaced, displaced, late, late]);
  });

  it('puts a request that had a turn before all others, and asks a lost replica again only after a change', async () => {
    const { acquire, wait, replicas } = make();
    const { order, queue } = serveInTurn(acquire);
    const tried = new Tried();
    const place = await acquire({ tried });
    const all = [queue('first', { flow: 'a' }), queue('second', { flow: 'b' })];
    place.ended({ kind: 'failed', failure: 'reset' });
    const again = queue('again', { flow: 'a', tried });
    replicas.set('p', [replicaAt(3), ...(replicas.get('p') ?? [])]);
    place[Symbol.dispose]();
    await Promise.all([...all, again]);
    expect(order).toEqual(['again', 'first', 'second']);
    for (const { replicaId } of replicas.get('p') ?? []) tried.note(replicaId, { kind: 'failed', failure: 'reset' }, 0);
    const last = queue('last', { tried });
    await queue('other', {});
    wait.changed();
    await last;
    expect(order.slice(3)).toEqual(['other', 'last']);
  });

  it('does not make a request wait that an engine has answered, nor ask a replica again that hung', async () => {
    const { acquire, clock, wait } = make();
    const tried = new Tried();
    const first = await acquire({ tried });
    first.ended({ kind: 'refused' });
    first[Symbol.dispose]();
    await expect(acquire({ tried })).rejects.toMatchObject({ code: 'no_replica' });
    const hung = new Tried();
    const second = await acquire({ tried: hung });
    second.ended({ kind: 'failed', failure: 'timeout' });
    second[Symbol.dispose]();
    const refused = expect(acquire({ tried: hung })).rejects.toMatchObject({ code: 'no_replica' });
    wait.changed();
    await clock.advance(500);
    await refused;
  });
});

describe('a pool that starts', () => {
  const loading = 'The endpoint is starting: phase load';
  const unknown = { publicMessage: `${loading}, it is not known when it will be ready.`, retryAfterMs: 5000 };
  it.each<[what: string, readyInMs: number | undefined, told: object]>([
    ['when it should be ready', 90_000, { publicMessage: `${loading}, ready in about 90 s.`, retryAfterMs: 90_000 }],
    ['that this is not known', undefined, unknown],
    ['no time that has passed', -1000, unknown],
  ])('says where it stands, and %s', async (_what, readyInMs, told) => {
    const { acquire, clock, replicas, starts } = make();
    replicas.set('p', []);
    const readyAt = readyInMs === undefined ? {} : { readyAt: clock.now() + 500 + readyInMs };
    starts.set('p', { phase: 'load', ...readyAt });
    const late = expect(acquire()).rejects.toMatchObject({ code: 'endpoint_starting', ...told });
    await clock.advance(500);
    await late;
  });
});

describe('a pool whose requests are held', () => {
  const held = (more: Partial<WaitLimits> = {}) => {
    const made = make(more);
    made.replicas.set('p', []);
    made.starts.set('p', { phase: 'load' });
    made.holds.set('p', { until: made.clock.now() + 60_000 });
    return made;
  };
  const settled = (slot: Promise<Slot>): Promise<string> =>
    slot.then(
      () => 'served',
      (error: { code: string }) => error.code,
    );

  it('lets them wait until the end of the hold, and has them served when a replica is there', async () => {
    const { acquire, clock, replicas, starts, holds, wait } = held();
    const first = settled(acquire());
    await clock.advance(59_000);
    expect(wait.waiting).toBe(1);
    starts.delete('p');
    holds.delete('p');
    replicas.set('p', [replicaAt(1)]);
    wait.changed();
    await expect(first).resolves.toBe('served');
  });

  it('refuses them at its end, when no replica has come, and takes no more than there is room for', async () => {
    const { acquire, clock, wait } = held();
    const waiting = [settled(acquire({ bytes: 40 })), settled(acquire({ bytes: 40 }))];
    await expect(acquire({ bytes: 21 })).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 5000 });
    await clock.advance(60_000);
    await expect(Promise.all(waiting)).resolves.toEqual(['endpoint_starting', 'endpoint_starting']);
    expect(wait.waiting).toBe(0);
  });

  it('holds who was waiting already, and nobody who says how long to wait', async () => {
    const { acquire, clock, holds, wait } = held();
    holds.clear();
    const before = settled(acquire());
    await clock.advance(400);
    holds.set('p', { until: clock.now() + 60_000 });
    const impatient = settled(
      wait.acquire({ pool: 'p', flow: 'a', bytes: 1, prompt, maxTokens: 0, capacityTimeoutMs: 1000 }, never),
    );
    await clock.advance(1000);
    await expect(impatient).resolves.toBe('endpoint_starting');
    expect(wait.waiting).toBe(1);
    await clock.advance(60_000);
    await expect(before).resolves.toBe('endpoint_starting');
  });
});

describe('pools side by side', () => {
  it('one without replicas fills its share of the room and holds nobody up', async () => {
    const { acquire, replicas, clock, wait } = make({ inFlightMax: 10, queueMax: 10, queueBytesMax: 1000 });
    replicas.set('p', []);
    const stuck = Array.from({ length: 20 }, () => acquire());
    const settled = Promise.allSettled(stuck);
    expect(wait.waiting).toBe(8);
    const slots = await Promise.all([1, 2, 3].map(() => acquire({ pool: 'q' })));
    for (const slot of slots) slot[Symbol.dispose]();
    replicas.set('q', []);
    const other = expect(acquire({ pool: 'q' })).rejects.toMatchObject({ code: 'no_replica' });
    expect(wait.waiting).toBe(9);
    await clock.advance(500);
    await other;
    const codes = (await settled).map((one) => (one.status === 'rejected' ? one.reason : undefined));
    expect(codes.filter((error) => error?.code === 'overloaded')).toHaveLength(12);
    expect(codes.filter((error) => error?.code === 'no_replica')).toHaveLength(8);
  });

  it('one that floods leaves room for others in flight, and gives way until shares are equal', async () => {
    const { acquire, wait } = make({ inFlightMax: 20, queueMax: 100, queueBytesMax: 10_000 });
    const flood = await Promise.all(Array.from({ length: 16 }, () => acquire()));
    const queued = Array.from({ length: 8 }, () => acquire());
    expect(wait.waiting).toBe(8);
    const small = await Promise.all([1, 2, 3].map(() => acquire({ pool: 'q' })));
    expect(small).toHaveLength(3);
    const wanted = Array.from({ length: 5 }, () => acquire({ pool: 'q' }));
    for (const slot of flood.slice(0, 5)) slot[Symbol.dispose]();
    for (const slot of await Promise.all(wanted)) slot[Symbol.dispose]();
    for (const slot of [...small, ...flood]) slot[Symbol.dispose]();
    for (const slot of await Promise.all(queued)) slot[Symbol.dispose]();
    expect([wait.inFlight, wait.waiting]).toEqual([0, 0]);
  });

  it('tells everybody who waits when the pool is gone, also while all its places are taken', async () => {
    const { acquire, replicas, wait } = make();
    using _place = await acquire();
    const waiting = [acquire(), acquire({ flow: 'b' })].map((one) =>
      expect(one).rejects.toMatchObject({ code: 'model_not_found' }),
    );
    replicas.delete('p');
    wait.changed();
    await Promise.all(waiting);
    await expect(acquire()).rejects.toMatchObject({ code: 'model_not_found' });
    expect(wait.waiting).toBe(0);
  });
});
