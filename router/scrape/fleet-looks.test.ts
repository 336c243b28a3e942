import { describe, expect, it } from 'vitest';
import type { PoolReplica } from '#shared/contract/replica.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import type { Scraped } from '../pick/brain.ts';
import type { ScrapeResult } from '../replicas/replica-health.ts';
import { ReplicaTable } from '../replicas/replica-table.ts';
import { MemoryLedgerHub, type MemoryLedgerChannel } from '../testing/memory-ledger-channel.ts';
import { FleetLooks } from './fleet-looks.ts';

const everyMs = 1000;
const turnMs = 100;

interface Member {
  readonly name: string;
  readonly channel: MemoryLedgerChannel;
  readonly looks: FleetLooks;
  readonly table: ReplicaTable;
  /** When it looked itself, and when it learned of a good look, its own or another's. */
  readonly looked: number[];
  readonly learned: number[];
  readonly heard: Scraped[];
}

/** Routers that share the looks at replicas; time moves in turns, and a look takes none. */
class Fleet {
  readonly hub = new MemoryLedgerHub({ seed: 1, lagMs: 20 });
  readonly replicas: PoolReplica[];
  readonly members: Member[] = [];
  readonly silent = new Set<Member>();
  readonly doubting = new Set<Member>();
  health: ScrapeResult = 'healthy';

  constructor(replicas = 1) {
    this.replicas = Array.from({ length: replicas }, (_, index) => replicaAt(index + 1));
  }

  join(name: string): Member {
    const clock = {
      now: () => this.hub.now(),
      monotonic: () => this.hub.now(),
      sleep: () => Promise.resolve(),
      after: () => () => {},
    };
    const channel = this.hub.open(name);
    const table = new ReplicaTable({ router: name, epoch: 1 });
    channel.subscribe((message) => {
      if (message.kind === 'row') table.receive(message.row, this.hub.now(), message.ageMs);
    });
    channel.publish({ kind: 'row', from: name, row: table.row(0), ageMs: 0 });
    const heard: Scraped[] = [];
    const learned: number[] = [];
    const looks = new FleetLooks({
      router: name,
      everyMs,
      channel,
      peers: () => table.peers().map(({ router }) => router),
      doubts: () => this.doubting.has(member),
      heard: (result) => {
        heard.push(result);
        learned.push(this.hub.now());
      },
      clock,
    });
    const member: Member = { name, channel, looks, table, looked: [], learned, heard };
    looks.keep(this.replicas);
    this.members.push(member);
    return member;
  }

  /** The router stops, as kill -9 would. */
  stop(member: Member): void {
    this.members.splice(this.members.indexOf(member), 1);
    member.looks[Symbol.dispose]();
    void member.channel[Symbol.asyncDispose]();
  }

  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += turnMs) {
      this.hub.advance(turnMs);
      for (const member of this.members) if (!this.silent.has(member)) this.#turn(member);
    }
  }

  /** Looks of all routers since an instant. */
  lookedSince(at: number): number {
    return this.members.flatMap(({ looked }) => looked).filter((when) => when > at).length;
  }

  ownerOf(replica = this.replicas[0]): Member {
    const owners = this.members.filter(({ looks }) => looks.isMine(replica?.replicaId ?? ''));
    expect(owners).toHaveLength(1);
    return owners[0] ?? expect.fail();
  }

  #turn(member: Member): void {
    const now = this.hub.now();
    member.table.setChannelUp(member.channel.up(), now);
    for (const replica of this.replicas) {
      if (!member.looks.isDue(replica.replicaId)) continue;
      member.looked.push(now);
      member.learned.push(now);
      member.looks.begin(replica.replicaId);
      member.looks.found({ replica, startedAt: now, health: this.health, signals: { running: 3 } });
    }
  }
}

function fleetOf(routers: number, replicas = 1): Fleet {
  const fleet = new Fleet(replicas);
  for (let index = 0; index < routers; index++) fleet.join(`router-${index}`);
  fleet.advance(5000);
  return fleet;
}

const longestGap = (times: readonly number[]): number =>
  Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? 0)));

describe('looks at replicas in a fleet', () => {
  it.each([1, 4, 8])('are one per second and replica with %i routers, and everybody knows', (routers) => {
    const fleet = fleetOf(routers, 6);
    const since = fleet.hub.now();
    fleet.advance(20_000);
    expect(fleet.lookedSince(since)).toBe(20 * 6);
    for (const { heard, looked } of fleet.members) {
      const known =
        heard.filter(({ startedAt }) => startedAt > since).length + looked.filter((at) => at > since).length;
      expect(Math.abs(known - 20 * 6)).toBeLessThan(7);
    }
  });

  it('are spread over the routers', () => {
    const fleet = fleetOf(4, 64);
    const owned = fleet.members.map(
      ({ looks }) => fleet.replicas.filter(({ replicaId }) => looks.isMine(replicaId)).length,
    );
    expect(owned.reduce((a, b) => a + b, 0)).toBe(64);
    expect(Math.min(...owned)).toBeGreaterThan(6);
  });

  it('tell what was seen and when, by its age', () => {
    const fleet = fleetOf(2);
    const owner = fleet.ownerOf();
    const other = fleet.members.find((member) => member !== owner);
    expect(other?.heard.at(-1)).toMatchObject({
      replica: fleet.replicas[0],
      health: 'healthy',
      signals: { running: 3 },
      startedAt: (owner.looked.at(-1) ?? 0) + 20,
    });
  });

  it('leave nobody without one for 2 s when their owner stands still, is killed, or is cut off', () => {
    for (const fault of ['silent', 'killed', 'cut'] as const) {
      const fleet = fleetOf(4);
      const owner = fleet.ownerOf();
      const since = fleet.hub.now();
      if (fault === 'silent') fleet.silent.add(owner);
      if (fault === 'killed') fleet.stop(owner);
      if (fault === 'cut') owner.channel.setCut(true);
      fleet.advance(10_000);
      for (const member of fleet.members) {
        if (member === owner && fault === 'silent') continue;
        expect(longestGap(member.learned.filter((at) => at > since - 1500)), fault).toBeLessThan(2000);
      }
    }
  });

  it('are each router’s own while the channel is down, and one again after it', () => {
    const fleet = fleetOf(4);
    for (const { channel } of fleet.members) channel.setCut(true);
    fleet.advance(3000);
    const cut = fleet.hub.now();
    fleet.advance(10_000);
    expect(fleet.lookedSince(cut)).toBe(40);
    for (const { channel } of fleet.members) channel.setCut(false);
    fleet.advance(5000);
    const healed = fleet.hub.now();
    fleet.advance(10_000);
    expect(fleet.lookedSince(healed)).toBe(10);
  });

  it('go on without a gap while routers come and go', () => {
    const fleet = fleetOf(2);
    const [first] = fleet.members;
    for (let round = 0; round < 8; round++) {
      fleet.join(`more-${round}`);
      fleet.advance(2500);
      if (round % 2 === 1) fleet.stop(fleet.members.find((member) => member !== first) ?? expect.fail());
    }
    expect(longestGap(first?.learned ?? [])).toBeLessThan(2000);
  });

  it('are checked by each router itself when they are not good', () => {
    const fleet = fleetOf(4);
    fleet.health = 'refused';
    const since = fleet.hub.now();
    fleet.advance(1300);
    for (const { looked } of fleet.members) expect(looked.some((at) => at > since)).toBe(true);
    expect(fleet.members.flatMap(({ heard }) => heard).every(({ health }) => health === 'healthy')).toBe(true);
  });

  it('are a router’s own for a replica that it doubts: others’ health is not believed, their figures are', () => {
    const fleet = fleetOf(2);
    const owner = fleet.ownerOf();
    const other = fleet.members.find((member) => member !== owner) ?? expect.fail();
    fleet.doubting.add(other);
    const since = fleet.hub.now();
    fleet.advance(5000);
    expect(other.looked.filter((at) => at > since).length).toBeGreaterThanOrEqual(5);
    const heard = other.heard.filter(({ startedAt }) => startedAt > since);
    expect(heard.every(({ health, signals }) => health === 'unknown' && signals.running === 3)).toBe(true);
  });

  it('of another process at the same place are not this one’s', () => {
    const fleet = fleetOf(2);
    const owner = fleet.ownerOf();
    const other = fleet.members.find((member) => member !== owner) ?? expect.fail();
    other.looks.keep(fleet.replicas.map((replica) => ({ ...replica, restarts: 1 })));
    const before = other.heard.length;
    fleet.advance(5000);
    expect(other.heard).toHaveLength(before);
    expect(other.looked.length).toBeGreaterThan(1);
  });
});
