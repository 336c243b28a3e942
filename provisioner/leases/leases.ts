import { z } from 'zod';
import { lastToken, streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { startView, type ViewMessage } from '#shared/runtime/nats/nats-view.ts';
import { planLeases, shardOf, type LeaseStep, type ShardRow } from './plan-leases.ts';

/** What leases need. `leaseMs`: a member that was silent for this long loses its shards. */
export interface LeaseOptions {
  nats: Nats;
  /** Provisioners of one VPC share its work among themselves; who serves others has no part in it. */
  vpcId: string;
  clock: Clock;
  log: Logger;
  instanceId: string;
  shards: number;
  leaseMs: number;
  /** Called when the set of owned shards has changed. */
  onChange: () => void;
}

/** Whose work a key is; `unsure`: this process could not beat in time, so it does not know what is its own. */
export type Ownership = 'mine' | 'other' | 'unsure';

/** Which keys are this provisioner's work. Leases save work; fences give correctness. */
export interface Leases extends AsyncDisposable {
  ownership(key: string): Ownership;
  ownedShards(): number[];
}

const shardSchema = z.object({ v: z.literal(1), holder: z.string().nullable() });

/**
 * Beats every third of `leaseMs` and takes, keeps or releases shards. A shard's row changes only when its holder does:
 * the holder's beat keeps all its shards alive. Whoever could not beat for `leaseMs` owns nothing in its own eyes;
 * others wait half as long again before they take over.
 */
export async function startLeases(options: LeaseOptions): Promise<Leases> {
  const state = new LeaseTable(options);
  const { nats, clock, log, vpcId, instanceId, leaseMs } = options;
  const view = startView({
    nats,
    clock,
    log,
    stream: streams.leases.name,
    subjects: [subjects.leasesOfVpc(vpcId), subjects.membersOfVpc(vpcId)],
    apply: (message) => state.apply(message),
  });
  await view.whenSynced();
  const turn = async (): Promise<void> => {
    const startedAt = clock.monotonic();
    const body = { v: 1, beat: clock.now() };
    const outcome = await writeDocuments(
      nats,
      [{ subject: subjects.member(vpcId, instanceId), body, ttlMs: leaseMs * 3 }],
      '',
    );
    if (outcome.kind === 'stored') state.beat(startedAt);
    else log.warn({ reason: outcome.reason }, 'leases.beat_failed');
    const steps = planLeases(state.snapshot());
    if (outcome.kind === 'stored') await Promise.all(steps.map((step) => write(options, state, step)));
    state.announce();
  };
  const loop = startLoop({ name: 'leases', everyMs: leaseMs / 3, clock, log }, turn);
  return {
    ownership: (key) => state.ownership(shardOf(key, options.shards)),
    ownedShards: () => [...state.owned()],
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      const owned = [...state.owned()];
      // All at once: when NATS is gone this costs one time-out, and the beat that stops says the same.
      await Promise.all(owned.map((shard) => write(options, state, state.releaseOf(shard))));
      const farewell = { subject: subjects.member(vpcId, instanceId), body: null, deleteMarker: true, ttlMs: leaseMs };
      await writeDocuments(nats, [farewell], '');
      await view[Symbol.asyncDispose]();
    },
  };
}

async function write(options: LeaseOptions, state: LeaseTable, step: LeaseStep): Promise<void> {
  const holder = step.kind === 'take' ? options.instanceId : null;
  const subject = subjects.lease(options.vpcId, step.shard);
  const outcome = await writeDocuments(
    options.nats,
    [{ subject, body: { v: 1, holder }, expectedSeq: step.expectedSeq }],
    '',
  );
  if (outcome.kind === 'stored') state.set({ shard: step.shard, holder, seq: outcome.seqs[0] ?? 0 });
  options.log.info({ shard: step.shard, step: step.kind, reason: step.reason, outcome: outcome.kind }, 'lease.written');
}

/** The rows and beats as last seen, with the local time of each beat. */
class LeaseTable {
  readonly #options: LeaseOptions;
  readonly #rows = new Map<number, ShardRow>();
  readonly #beats = new Map<string, number>();
  #ownBeatAt = Number.NEGATIVE_INFINITY;
  #announced = '';

  constructor(options: LeaseOptions) {
    this.#options = options;
    for (let shard = 0; shard < options.shards; shard += 1) this.#rows.set(shard, { shard, holder: null, seq: 0 });
  }

  apply(message: ViewMessage): void {
    const name = lastToken(message.subject);
    if (message.subject.startsWith(subjects.member(this.#options.vpcId, ''))) {
      if (message.deleted) this.#beats.delete(name);
      else this.#beats.set(name, this.#options.clock.monotonic());
      return;
    }
    const parsed = shardSchema.safeParse(message.deleted ? undefined : JSON.parse(message.text));
    this.set({ shard: Number(name), holder: parsed.success ? parsed.data.holder : null, seq: message.seq });
  }

  set(row: ShardRow): void {
    const known = this.#rows.get(row.shard);
    if (known !== undefined && row.seq >= known.seq) this.#rows.set(row.shard, row);
  }

  beat(at: number): void {
    this.#ownBeatAt = at;
  }

  snapshot(): { instanceId: string; members: string[]; rows: ShardRow[] } {
    const { instanceId, clock, leaseMs } = this.#options;
    const oldest = clock.monotonic() - leaseMs * 1.5;
    const members = [...this.#beats].filter(([name, at]) => name !== instanceId && at >= oldest).map(([name]) => name);
    // Without a beat of its own it is no member: it takes nothing and keeps nothing.
    return { instanceId, members: this.#fresh() ? [...members, instanceId] : members, rows: [...this.#rows.values()] };
  }

  owned(): Set<number> {
    if (!this.#fresh()) return new Set();
    const mine = [...this.#rows.values()].filter((row) => row.holder === this.#options.instanceId);
    return new Set(mine.map((row) => row.shard));
  }

  ownership(shard: number): Ownership {
    if (!this.#fresh()) return 'unsure';
    return this.#rows.get(shard)?.holder === this.#options.instanceId ? 'mine' : 'other';
  }

  releaseOf(shard: number): LeaseStep {
    return { kind: 'release', shard, expectedSeq: this.#rows.get(shard)?.seq ?? 0, reason: 'this provisioner ends' };
  }

  announce(): void {
    const now = [...this.owned()].join();
    if (now === this.#announced) return;
    this.#announced = now;
    this.#options.onChange();
  }

  #fresh(): boolean {
    return this.#options.clock.monotonic() - this.#ownBeatAt < this.#options.leaseMs;
  }
}
