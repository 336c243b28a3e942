import { describe, expect, it } from 'vitest';
import { replicaAt } from '#shared/testing/documents.ts';
import { HeldFleet } from '../testing/held/held-fleet.ts';

describe('a request that', () => {
  it('puts nobody back goes at once, and tells nobody', async () => {
    const fleet = new HeldFleet(['x', 'y']);
    await fleet.advance(1000);
    for (const at of [0, 1]) for (const replica of ['a', 'b', 'c']) await fleet.send('one', 20, { at, replica });
    fleet.roomy.add('a').add('b');
    for (const replica of ['a', 'b']) await fleet.send('cold', 9000, { replica });
    expect([fleet.order.length, fleet.messages]).toEqual([8, 0]);
  });

  it('is cold waits in the router while another one is computed: short ones first, and slow ageing brings long ones forward', async () => {
    const fleet = new HeldFleet(['x']);
    void fleet.send('first', 900);
    for (const [name, ms] of [
      ['long', 800],
      ['middle', 500],
      ['short', 200],
    ] as const)
      void fleet.send(name, ms);
    await fleet.advance(700);
    expect([fleet.order, fleet.routers[0]?.wait.heldForSlot]).toEqual([['first'], 3]);
    await fleet.advance(2000);
    expect(fleet.order).toEqual(['first', 'short', 'middle', 'long']);
    expect(fleet.gaps().overlap).toBeLessThanOrEqual(0);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(20);
  });

  it('is held goes by class of priority, and after a flow that has had less', async () => {
    const fleet = new HeldFleet(['x']);
    fleet.work.set('flood', 1_000_000).set('small', 50_000);
    void fleet.send('first', 500);
    void fleet.send('flood', 200, { flow: 'flood' });
    void fleet.send('low', 200, { flow: 'small', priority: 'low' });
    void fleet.send('small', 400, { flow: 'small' });
    await fleet.advance(3000);
    expect(fleet.order).toEqual(['first', 'small', 'low', 'flood']);
  });

  it('is held goes before others of its flow by high priority, and before nobody else', async () => {
    const fleet = new HeldFleet(['x']);
    void fleet.send('first', 900);
    for (const name of ['a1', 'a2', 'a3']) void fleet.send(name, 200, { flow: 'a', priority: 'high' });
    for (const name of ['b1', 'b2', 'b3']) void fleet.send(name, 180, { flow: 'b' });
    void fleet.send('c normal', 150, { flow: 'c' });
    void fleet.send('c high', 400, { flow: 'c', priority: 'high' });
    await fleet.advance(5000);
    expect(fleet.order).toEqual(['first', 'b1', 'b2', 'b3', 'a1', 'a2', 'a3', 'c high', 'c normal']);
  });

  it('is cold leaves hot turns room: one of eight replicas computes one at a time', async () => {
    const fleet = new HeldFleet(['x']);
    const cold = ['a', 'b', 'c'].map((replica) => fleet.send(`cold ${replica}`, 3000, { replica }));
    await fleet.advance(100);
    void fleet.send('hot b', 100, { replica: 'b' });
    await fleet.advance(100);
    expect(fleet.order).toEqual(['cold a', 'hot b']);
    await fleet.advance(9000);
    await Promise.all(cold);
  });

  it('is of a flow that has had more than others waits until it has not, or there is room', async () => {
    const fleet = new HeldFleet(['x']);
    fleet.greedy.add('flood');
    void fleet.send('short', 20, { flow: 'flood' });
    void fleet.send('cold', 200, { flow: 'flood', replica: 'b' });
    await fleet.advance(1000);
    expect(fleet.order).toEqual([]);
    fleet.roomy.add('b');
    await fleet.advance(550);
    expect(fleet.order).toEqual(['cold']);
    fleet.greedy.clear();
    await fleet.advance(550);
    expect(fleet.order).toEqual(['cold', 'short']);
  });

  it('is of a flow that has had more than others stands in nobody’s way', async () => {
    const fleet = new HeldFleet(['x', 'y']);
    await fleet.advance(1000);
    fleet.greedy.add('flood');
    const at = fleet.routers.findIndex(({ name, grants }) => grants.granterOf('p', 1000) !== name);
    for (let i = 0; i < 40; i += 1) void fleet.send('flood', 90, { at, flow: 'flood' });
    await fleet.advance(500);
    expect([fleet.order, fleet.messages]).toEqual([[], 0]);
    for (const name of ['one', 'two']) void fleet.send(name, 200, { at });
    await fleet.advance(600);
    expect(fleet.order).toEqual(['one', 'two']);
  });

  it('has come when there is room goes before those for whom there is none', async () => {
    const fleet = new HeldFleet(['x']);
    for (const replica of ['a', 'b', 'c']) void fleet.send(replica, 3000, { replica });
    await fleet.advance(100);
    fleet.roomy.add('d');
    await fleet.send('d', 3000, { replica: 'd' });
    expect(fleet.order).toEqual(['a', 'd']);
  });

  it('is one of many that are looked at again, and a pass looks at 32 of them at most', async () => {
    const fleet = new HeldFleet(['x']);
    for (const replica of fleet.replicas.keys()) void fleet.send('first', 990, { replica });
    for (let i = 0; i < 70; i += 1) void fleet.send('held', 200, { replica: 'a' });
    await fleet.advance(500);
    let [all, most] = [0, 0];
    for (let at = 0; at < 350; at += 5) {
      fleet.looks = 0;
      await fleet.advance(5);
      all += fleet.looks;
      most = Math.max(most, fleet.looks);
    }
    expect(most).toBe(32);
    expect(all).toBeGreaterThanOrEqual(70);
  });

  it('would not come to it in time is refused at once, and told when its turn would have come', async () => {
    const fleet = new HeldFleet(['x']);
    const refused: unknown[] = [];
    for (let i = 0; i < 5; i += 1) void fleet.send('one', 9000).catch((error: unknown) => refused.push(error));
    await fleet.advance(5);
    // One is computed, three are before it: cold prompts go one after the other.
    expect(refused).toEqual([expect.objectContaining({ code: 'overloaded', retryAfterMs: 36_000 })]);
    expect(fleet.routers[0]?.wait.shed).toBe(1);
    await fleet.advance(36_000);
    void fleet.send('again', 9000);
    await fleet.advance(5);
    expect(fleet.order.at(-1)).toBe('again');
  });

  it('is hot is not refused for cold prompts before it, which leave other replicas to it', async () => {
    const fleet = new HeldFleet(['x']);
    for (let i = 0; i < 4; i += 1) void fleet.send('cold', 9000);
    void fleet.send('hot', 200);
    await fleet.advance(9000);
    expect(fleet.order).toContain('hot');
    await fleet.advance(30_000);
    expect(fleet.routers[0]?.wait.shed).toBe(0);
  });
});

const crowd = async (fleet: HeldFleet, count = 40): Promise<void> => {
  await fleet.advance(1000);
  for (let i = 0; i < count; i += 1) void fleet.send(`${i}`, 200, { at: i % fleet.routers.length });
  await fleet.advance(count * 260);
};

describe('a slot that several routers want', () => {
  it('goes to one at a time, the best of all', async () => {
    const fleet = new HeldFleet(['x', 'y', 'z']);
    await crowd(fleet);
    expect(fleet.order).toHaveLength(40);
    expect(fleet.gaps().overlap).toBeLessThanOrEqual(200);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(40);
    expect(fleet.routers.reduce((sum, { grants }) => sum + grants.counts.given, 0)).toBeGreaterThan(10);
  });

  it('is one for all replicas', async () => {
    const fleet = new HeldFleet(['x', 'y', 'z']);
    await fleet.advance(1000);
    const names = [...fleet.replicas.keys()];
    for (const [at, replica] of names.entries()) void fleet.send(replica, 3000, { at: at % 3, replica });
    await fleet.advance(26_000);
    const begins = fleet.booked.map(({ at }) => at);
    expect(begins).toHaveLength(names.length);
    const between = begins.slice(1).map((at, i) => at - (begins[i] ?? 0));
    expect(Math.min(...between)).toBeGreaterThanOrEqual(3000);
    expect(Math.max(...between)).toBeLessThanOrEqual(3100);
  });

  it.each([
    ['lost', { loss: 0.3 }],
    ['doubled and overtaken', { duplication: 0.5, jitterMs: 30 }],
    ['late', { lagMs: 30 }],
  ])('is never blocked or doubled for long when messages are %s', async (_what, faults) => {
    const fleet = new HeldFleet(['x', 'y', 'z'], faults);
    await crowd(fleet);
    expect(fleet.order).toHaveLength(40);
    expect(fleet.gaps().overlap).toBeLessThanOrEqual(400);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(80);
  });

  it('is taken after a moment when the router that grants it is dead or paused', async () => {
    const fleet = new HeldFleet(['x', 'y', 'z']);
    await fleet.advance(1000);
    const granter = fleet.routers[0]?.grants.granterOf('p', fleet.clock.monotonic());
    const others = fleet.routers.filter(({ name }) => name !== granter);
    for (const router of fleet.routers) if (router.name === granter) router.isUp = false;
    for (let i = 0; i < 20; i += 1)
      void fleet.send(`${i}`, 200, { at: fleet.routers.indexOf(others[i % 2] ?? (others[0] as never)) });
    await fleet.advance(5500);
    expect(fleet.order).toHaveLength(20);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(60);
    expect(others.reduce((sum, { grants }) => sum + grants.counts.lost, 0)).toBeGreaterThan(0);
  });

  it('is granted by another router soon after its granter has died with requests waiting', async () => {
    const fleet = new HeldFleet(['x', 'y', 'z']);
    await fleet.advance(1000);
    for (let i = 0; i < 60; i += 1) void fleet.send(`${i % 3}`, 200, { at: i % 3 }).catch(() => {});
    await fleet.advance(2000);
    const granter = fleet.routers[0]?.grants.granterOf('p', fleet.clock.monotonic());
    const dead = fleet.routers.find(({ name }) => name === granter) ?? expect.fail();
    const others = fleet.routers.filter((router) => router !== dead);
    await fleet.kill(dead);
    await fleet.advance(1100);
    const lost = (): number => others.reduce((sum, { grants }) => sum + grants.counts.lost, 0);
    const lostSoFar = lost();
    await fleet.advance(10_000);
    for (const { wait } of others) expect(wait.waiting).toBe(0);
    expect(lostSoFar).toBeGreaterThan(0);
    expect(lost()).toBe(lostSoFar);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(80);
  });

  it('is shared with a router that has come later', async () => {
    const fleet = new HeldFleet(['x', 'y']);
    await fleet.advance(1000);
    for (let i = 0; i < 30; i += 1) void fleet.send(`old ${i}`, 400, { at: i % 2 });
    await fleet.advance(1000);
    fleet.start('z');
    const joined = Array.from({ length: 10 }, (_, i) => fleet.send(`new ${i}`, 200, { at: 2 }));
    await fleet.advance(3000);
    await Promise.all(joined);
    expect(fleet.order.length).toBeLessThan(40);
    await fleet.advance(10_000);
    expect(fleet.order).toHaveLength(40);
    expect(fleet.gaps().idle).toBeLessThanOrEqual(60);
    // Who hears nobody yet grants, too.
    expect(fleet.gaps().overlap).toBeLessThanOrEqual(400);
  });

  it('is shared in equal parts while routers cannot hear each other, and by grants once they can', async () => {
    const fleet = new HeldFleet(['x', 'y', 'z']);
    await fleet.advance(1000);
    for (const { channel } of fleet.routers) channel.setCut(true);
    await fleet.advance(2000);
    for (let i = 0; i < 60; i += 1) void fleet.send(`${i}`, 200, { at: i % 3 });
    await fleet.advance(6000);
    const shares = fleet.routers.map(({ name }) => fleet.booked.filter(({ router }) => router === name).length);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...shares)).toBeLessThanOrEqual(11);
    for (const { channel } of fleet.routers) channel.setCut(false);
    await fleet.advance(8000);
    expect(fleet.order).toHaveLength(60);
    expect(fleet.routers.reduce((sum, { grants }) => sum + grants.counts.given, 0)).toBeGreaterThan(0);
  });

  it('is one of several that are all in use while routers cannot hear each other', async () => {
    const fleet = new HeldFleet(['x', 'y']);
    for (const name of ['i', 'j', 'k', 'l', 'm', 'n', 'o', 'p'])
      fleet.replicas.set(name, replicaAt(fleet.replicas.size + 1));
    await fleet.advance(1000);
    for (const { channel } of fleet.routers) channel.setCut(true);
    await fleet.advance(2000);
    for (let i = 0; i < 60; i += 1) void fleet.send(`${i}`, 200, { at: i % 2 });
    await fleet.advance(2000);
    // Two slots, ten prompts each.
    expect(fleet.order.length).toBeGreaterThanOrEqual(16);
    expect(fleet.order.length).toBeLessThanOrEqual(22);
  });
});
