import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReplicaTable, type LedgerRow } from './replica-table.ts';
import { noLoad } from './replica-view.ts';

const row = (epoch: number, seq: number): LedgerRow => ({ router: 'peer', epoch, seq, replicas: {} });
const order = (a: LedgerRow, b: LedgerRow): number => a.epoch - b.epoch || a.seq - b.seq;

type Happening = LedgerRow | 'works' | 'is cut';
const happenings: readonly Happening[] = [row(1, 1), row(1, 2), row(2, 0), row(2, 1), 'works', 'is cut'];
const stepMs = 1600;

/** One router that hears a peer; throws when it forgets too early or too late, or goes back. */
class Listener {
  readonly #table = new ReplicaTable({ router: 'me', epoch: 1 });
  #now = 0;
  #newest: LedgerRow | undefined;
  /** For so long the channel has worked without a word of the newest process. */
  #silentMs = 0;

  constructor() {
    this.#table.setChannelUp(true, 0);
  }

  take(happening: Happening): void {
    if (typeof happening === 'string') this.#pass(happening === 'works');
    else this.#hear(happening);
    const [shown] = this.#table.peers();
    if (shown === undefined) this.#newest = undefined;
    if (this.#newest !== undefined && shown !== this.#newest) throw new Error('is not the newest that was heard');
  }

  #pass(works: boolean): void {
    const end = this.#now + stepMs;
    for (; this.#now < end; this.#now += 200) {
      this.#table.setChannelUp(works, this.#now);
      const isLost = this.#table.peers().length === 0 && this.#newest !== undefined;
      if (isLost && (!works || this.#silentMs <= 3000)) throw new Error('has forgotten too early');
      if (this.#silentMs > 3000 && this.#table.peers().length > 0) throw new Error('counts who is silent');
      this.#silentMs = works ? this.#silentMs + 200 : 0;
    }
    this.#table.setChannelUp(works, this.#now);
  }

  #hear(heard: LedgerRow): void {
    this.#table.receive(heard, this.#now, 0);
    const newest = this.#newest;
    if (newest === undefined || order(heard, newest) > 0) this.#newest = heard;
    if (this.#newest?.epoch === heard.epoch) this.#silentMs = 0;
  }
}

it('rows in every order, with every silence: the newest counts, for 3 s of a working channel', () => {
  let sequences = 0;
  const explore = (before: readonly Happening[]): void => {
    const listener = new Listener();
    try {
      for (const happening of before) listener.take(happening);
    } catch (error) {
      throw new Error(JSON.stringify(before), { cause: error });
    }
    sequences++;
    if (before.length < 5) for (const happening of happenings) explore([...before, happening]);
  };
  explore([]);
  expect(sequences).toBe((6 ** 6 - 1) / 5);
});

const booking = fc.record({
  router: fc.nat(2),
  gapMs: fc.constantFrom(0, 100, 700, 3000),
  seconds: fc.constantFrom(0.1, 0.5, 2, 6),
});

it('prefill left, on a replica that computes in the order of booking: never too little, too much by one request at most', () => {
  fc.assert(
    fc.property(fc.array(booking, { minLength: 1, maxLength: 30 }), (bookings) => {
      const tables = ['a', 'b', 'c'].map((router) => new ReplicaTable({ router, epoch: 1 }));
      let doneAt = 0;
      let at = 0;
      const jobs = bookings.map(({ router, gapMs, seconds }) => {
        at += gapMs;
        doneAt = Math.max(doneAt, at) + 1000 * seconds;
        return { router, seconds, at, doneAt };
      });
      const change = (router: number, seconds: number, now: number): void => {
        const own = tables[router];
        own?.change('r', { ...noLoad, inFlight: Math.sign(seconds), prefillSecondsLeft: seconds }, now);
        if (own !== undefined) for (const table of tables) table.receive(own.row(now), now, 0);
      };
      const longest = Math.max(...bookings.map(({ seconds }) => seconds));
      for (let now = 0; now <= doneAt + 100; now += 100) {
        for (const job of jobs) if (Math.abs(job.doneAt - now) < 50) change(job.router, -job.seconds, now);
        for (const job of jobs) if (job.at === now) change(job.router, job.seconds, now);
        const under = jobs.filter((job) => job.at <= now);
        const truth = Math.max(0, ...under.map((job) => (job.doneAt - now) / 1000));
        for (const table of tables) {
          const { prefillSecondsLeft } = table.load('r', now);
          expect(prefillSecondsLeft).toBeGreaterThanOrEqual(truth - 0.001);
          expect(prefillSecondsLeft).toBeLessThanOrEqual(truth + longest + 0.001);
        }
      }
    }),
  );
});
