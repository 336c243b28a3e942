import { describe, expect, it } from 'vitest';
import { ReplicaHealth, type Failure, type ScrapeResult } from './replica-health.ts';

function make(limits: ConstructorParameters<typeof ReplicaHealth>[0] = {}) {
  const health = new ReplicaHealth(limits);
  return {
    health,
    /** A request that began just before it failed, or at `startedAt`. */
    fail: (failure: Failure, now: number, startedAt = now - 0.5) => health.failed('a', failure, { startedAt, now }),
    look: (result: ScrapeResult, now: number, startedAt = now - 0.5) => health.scraped('a', result, { startedAt, now }),
    doubts: (...times: number[]) => times.map((now) => health.doubt('a', now)),
  };
}

describe('ReplicaHealth', () => {
  it('takes a replica out at once when its connection is refused, until a good look that began later', () => {
    const { fail, look, doubts } = make();
    expect(doubts(0)).toEqual([0]);
    fail('connect', 100);
    look('healthy', 101, 99);
    expect(doubts(100, 99_999)).toEqual([Infinity, Infinity]);
    look('healthy', 103, 102);
    expect(doubts(103)).toEqual([0]);
  });

  it('doubts it after incidents in a row, longer each time, whatever looks say, and never for good', () => {
    const { health, fail, look, doubts } = make({ incidentsMax: 3, pauseMs: 1000, pauseMaxMs: 3000 });
    for (const now of [0, 1]) fail('reset', now);
    expect(doubts(1)).toEqual([0]);
    fail('timeout', 2);
    look('healthy', 3);
    expect(doubts(1001, 1002)).toEqual([1, 0]);
    fail('fault', 2000);
    expect(doubts(3999, 4000)).toEqual([2, 0]);
    health.answered('a', 4001);
    fail('reset', 5000);
    expect(doubts(5000)).toEqual([0]);
  });

  it('counts one incident once, however many requests it broke', () => {
    const { fail, doubts } = make();
    for (let stream = 0; stream < 8; stream += 1) fail('reset', 1000 + stream, stream);
    expect(doubts(1010)).toEqual([0]);
    fail('connect', 1009);
    for (let stream = 0; stream < 8; stream += 1) fail('reset', 1010 + stream, 500);
    expect(doubts(1020)).toEqual([Infinity]);
  });

  it('is cleared by newer evidence alone: an old stream that ends well re-admits nobody', () => {
    const { health, fail, doubts } = make();
    for (const now of [100, 200, 300]) fail('reset', now);
    health.answered('a', 250);
    health.accepted('a', { startedAt: 250, now: 310 });
    expect(doubts(310)).toEqual([1]);
    fail('connect', 400);
    health.answered('a', 399);
    expect(doubts(2000)).toEqual([Infinity]);
    health.answered('a', 401);
    expect(doubts(2000)).toEqual([0]);
  });

  it('is tried by one request when the pause is over, and by all once that gets its first bytes', () => {
    const { health, fail, doubts } = make();
    for (const now of [100, 200, 300]) fail('reset', now);
    expect(health.booked('a', 301)).toBe(false);
    expect(health.booked('a', 1301)).toBe(true);
    expect(health.booked('a', 1302)).toBe(false);
    expect(doubts(1302)).toEqual([1]);
    health.probeOver('a');
    expect(doubts(1303)).toEqual([0]);
    expect(health.booked('a', 1303)).toBe(true);
    health.accepted('a', { startedAt: 1303, now: 1310 });
    expect(doubts(1310)).toEqual([0]);
    fail('reset', 1400);
    expect(doubts(1400, 3399, 3400)).toEqual([2, 2, 2]);
    health.probeOver('a');
    expect(doubts(3400)).toEqual([0]);
  });

  it('keeps a foreign engine out, longer each time, however healthy it is, or until it moves', () => {
    const { health, fail, look, doubts } = make();
    for (let stream = 0; stream < 40; stream += 1) fail('unauthorized', 1 + stream / 100, 0);
    look('healthy', 2);
    expect(doubts(1000, 1002)).toEqual([Infinity, 0]);
    expect([health.booked('a', 1002), health.booked('a', 1002), ...doubts(1002)]).toEqual([true, false, Infinity]);
    fail('unauthorized', 1003, 1002);
    health.probeOver('a');
    expect(doubts(3002, 3004)).toEqual([Infinity, 0]);
    for (let at = 4000; at < 200_000; at += 40_000) fail('unauthorized', at);
    expect(doubts(164_000 + 29_999, 164_000 + 30_000)).toEqual([Infinity, 0]);
    health.forget('a');
    expect(doubts(164_001)).toEqual([0]);
  });

  it('keeps it out without another prompt where looks are refused as well', () => {
    const { health, fail, doubts } = make();
    health.denied('a', 0);
    expect([health.isSuspect('a'), ...doubts(0)]).toEqual([false, 0]);
    fail('unauthorized', 1);
    expect(health.isSuspect('a')).toBe(true);
    for (let at = 900; at < 100_000; at += 1000) {
      health.denied('a', at);
      expect(doubts(at + 999)).toEqual([Infinity]);
    }
  });

  it('takes a fresh engine back with the first answer to one that tries', () => {
    const { health, fail, doubts } = make();
    fail('unauthorized', 1);
    health.booked('a', 1001);
    health.accepted('a', { startedAt: 1001, now: 1010 });
    health.answered('a', 1001);
    health.probeOver('a');
    expect([health.isSuspect('a'), ...doubts(1011)]).toEqual([false, 0]);
    fail('unauthorized', 1020);
    expect(doubts(1020)).toEqual([0]);
  });

  it.each<[string, (lab: ReturnType<typeof make>) => unknown, number]>([
    ['takes a 401 of a process that has taken the key for the request’s', () => {}, 0],
    ['not once a look found nobody', ({ look }) => [look('refused', 20), look('healthy', 21)], Infinity],
    ['not once a look got no answer', ({ look }) => look('silent', 20), Infinity],
    ['not once a connection has ended', ({ fail }) => fail('reset', 20), Infinity],
  ])('%s', (...[, since, doubt]) => {
    const lab = make();
    lab.health.answered('a', 10);
    since(lab);
    lab.fail('unauthorized', 30);
    expect(lab.doubts(30)).toEqual([doubt]);
  });

  it('believes a look that says unhealthy, and learns nothing from one that failed here', () => {
    const { look, fail, doubts } = make();
    look('unhealthy', 1);
    look('unknown', 2);
    expect(doubts(2)).toEqual([Infinity]);
    look('healthy', 3);
    fail('connect', 4);
    look('unknown', 6);
    expect(doubts(6)).toEqual([Infinity]);
  });

  it('takes nobody for alive who answers neither two looks nor a request, however fast they follow', () => {
    const { health, look, doubts } = make();
    look('healthy', 0);
    look('silent', 1900, 1000);
    expect([health.isStalled('a'), ...doubts(1900)]).toEqual([false, 0]);
    look('silent', 2800, 1900);
    expect([health.isStalled('a'), ...doubts(2800)]).toEqual([true, Infinity]);
    health.heard('a');
    expect([health.isStalled('a'), ...doubts(2800)]).toEqual([false, 0]);
    look('silent', 3800, 2900);
    health.heard('a');
    look('silent', 5700, 3800);
    look('healthy', 6000);
    look('silent', 7400, 5900);
    expect(doubts(7400)).toEqual([0]);
    for (const now of [8000, 8100, 8200]) look('silent', now, now - 90);
    expect([health.isStalled('a'), ...doubts(8200)]).toEqual([true, Infinity]);
    health.heard('a');
    for (const now of [9000, 9100, 9200]) look('silent', now, now - 90);
    expect(doubts(9200)).toEqual([0]);
  });

  it('takes a stream for dead that is silent while nobody listens there, and not one that speaks', () => {
    const { health, look } = make();
    look('healthy', 0);
    for (const now of [1000, 2000, 3000]) look('refused', now, now - 10);
    health.heard('a');
    for (const now of [4000, 5000, 6000]) look('refused', now, now - 10);
    expect([health.isStalled('a'), health.isRefused('a')]).toEqual([false, true]);
    look('refused', 8000, 7990);
    expect([health.isStalled('a'), health.isRefused('a')]).toEqual([true, true]);
    look('healthy', 9000);
    expect([health.isStalled('a'), health.isRefused('a')]).toEqual([false, false]);
  });

  it('does not shut out one whose looks were never answered: it is the last choice', () => {
    const { look, doubts } = make();
    for (const now of [1000, 3000, 5000]) look('silent', now, now - 900);
    const [doubt = 0] = doubts(5000);
    expect(doubt).toBeGreaterThan(1000);
    expect(doubt).toBeLessThan(Infinity);
  });

  it('blames nobody for what failed while its own event loop stood still', () => {
    const { health, fail, look, doubts } = make();
    look('healthy', 0);
    look('silent', 1900, 1000);
    health.ownStall(6000);
    look('silent', 6001, 2500);
    look('silent', 6900, 6100);
    expect(health.isStalled('a')).toBe(false);
    expect(fail('connect', 6010, 3000)).toBe(false);
    for (const failure of ['timeout', 'reset', 'truncated'] as const) fail(failure, 6020, 3000);
    expect(doubts(6900)).toEqual([0]);
    expect(fail('connect', 7000, 6500)).toBe(true);
  });
});
