import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { Admission } from './admission.ts';

const never = new AbortController().signal;

function make(more: Partial<ConstructorParameters<typeof Admission>[0]> = {}) {
  const clock = createTestClock();
  const admission = new Admission({
    inFlightMax: 1,
    queueMax: 4,
    queueBytesMax: 100,
    turnTimeoutMs: 1000,
    clock,
    ...more,
  });
  const enter = (flow = 'a', bytes = 10, signal: AbortSignal = never) => admission.enter({ flow, bytes, signal });
  return { clock, admission, enter };
}

describe('admission', () => {
  it('lets so many through and the next when one is done; a ticket is given back once', async () => {
    const { admission, enter } = make();
    const first = await enter();
    const second = enter();
    expect([admission.inFlight, admission.waiting]).toEqual([1, 1]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    (await second)[Symbol.dispose]();
    expect([admission.inFlight, admission.waiting]).toEqual([0, 0]);
  });

  it('lets nobody in between a place that was given back and the one who gets it', async () => {
    const { admission, enter } = make();
    const first = await enter();
    const waiting = enter();
    first[Symbol.dispose]();
    const late = enter();
    await waiting;
    expect([admission.inFlight, admission.waiting]).toEqual([1, 1]);
    (await waiting)[Symbol.dispose]();
    (await late)[Symbol.dispose]();
    expect(admission.inFlight).toBe(0);
  });

  it('refuses at once what does not fit into the queue, by number or by bytes', async () => {
    const { enter, clock } = make();
    using _place = await enter();
    const waiting = [enter('a', 40), enter('a', 40)];
    await expect(enter('b', 21)).rejects.toMatchObject({ code: 'overloaded' });
    const more = [enter('b', 10), enter('b', 10)];
    await expect(enter('b', 0)).rejects.toMatchObject({ code: 'overloaded' });
    const settled = Promise.allSettled([...waiting, ...more]);
    await clock.advance(1000);
    expect((await settled).map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
  });

  it('gives up after the time for a turn and leaves the queue', async () => {
    const { admission, enter, clock } = make();
    using _place = await enter();
    const waiting = enter();
    const refused = expect(waiting).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 5000 });
    await clock.advance(1000);
    await refused;
    expect(admission.waiting).toBe(0);
  });

  it('frees the queue when the client leaves, also in the moment of its turn', async () => {
    const { admission, enter } = make();
    const first = await enter();
    const [gone, goneToo] = [new AbortController(), new AbortController()];
    const waiting = Promise.allSettled([enter('a', 10, gone.signal), enter('b', 10, goneToo.signal)]);
    gone.abort(new Error('left'));
    first[Symbol.dispose]();
    goneToo.abort(new Error('left'));
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([admission.inFlight, admission.waiting]).toEqual([0, 0]);
  });

  it('takes turns between flows, so that a long queue delays itself', async () => {
    const { enter } = make();
    let place = await enter('busy');
    const order: string[] = [];
    const queue = (name: string, flow: string): Promise<void> =>
      enter(flow).then((ticket) => {
        order.push(name);
        place = ticket;
      });
    const all = [queue('busy 1', 'busy'), queue('busy 2', 'busy'), queue('busy 3', 'busy'), queue('small', 'small')];
    for (const one of [0, 1, 2, 3]) {
      place[Symbol.dispose]();
      await expect.poll(() => order.length).toBe(one + 1);
    }
    await Promise.all(all);
    expect(order).toEqual(['busy 1', 'small', 'busy 2', 'busy 3']);
  });
});
