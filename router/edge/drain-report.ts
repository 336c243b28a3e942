import type { DrainReport, PoolReplica } from '#shared/contract/replica.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { PoolDirectory } from './pool-directory.ts';
import type { ReplicaTable } from '../replicas/replica-table.ts';

/** While one of its replicas drains, and otherwise, milliseconds; less than the contract's 500 ms, since timers are late. */
export const reportEveryMs = { draining: 400, idle: 2000 } as const;

/** What reports are made of and where they go. */
export interface DrainReporterOptions {
  readonly identity: Pick<DrainReport, 'routerId' | 'vpcId' | 'epoch' | 'pod'>;
  readonly listeners: () => DrainReport['listeners'];
  readonly pools: PoolDirectory;
  readonly brain: {
    readonly table: ReplicaTable;
    oldestOn(replicaId: string): number | undefined;
    blocksOn(replicaId: string): number;
  };
  readonly edgeRevision: () => number;
  /** Publishes without waiting; false when it cannot. */
  readonly publish: (subject: string, text: string) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One report. Pure but for the numbers that it reads. */
export function drainReport(options: DrainReporterOptions, leaving: boolean): DrainReport {
  const { identity, listeners, pools, brain, edgeRevision, clock } = options;
  const inFlight: Record<string, number> = {};
  const oldestAt: Record<string, number> = {};
  for (const replicaId of inState(pools, 'draining')) {
    const count = brain.table.ownLoad(replicaId).inFlight;
    if (count === 0) continue;
    inFlight[replicaId] = count;
    const began = brain.oldestOn(replicaId);
    if (began !== undefined) oldestAt[replicaId] = Math.round(clock.now() - (clock.monotonic() - began));
  }
  return { v: 1, ...identity, edgeRevision: edgeRevision(), listeners: listeners(), inFlight, oldestAt, leaving };
}

/** What each replica that is ready would be missed for. */
function loadsOf({ pools, brain }: DrainReporterOptions): NonNullable<DrainReport['loads']> {
  return Object.fromEntries(
    inState(pools, 'ready').map((id) => [id, [brain.table.ownLoad(id).inFlight, brain.blocksOn(id)]]),
  );
}

/** Reports on and on: each report says that this router is there, and what it still has on draining replicas. */
export class DrainReporter implements AsyncDisposable {
  readonly #options: DrainReporterOptions;
  readonly #loop: Loop;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #loadsAt = Number.NEGATIVE_INFINITY;

  constructor(options: DrainReporterOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#loop = startLoop({ name: 'drain.report', everyMs: reportEveryMs.draining, clock, log }, () => this.#turn());
  }

  /** Pools changed: while something drains, the provisioner waits for the newest revision. */
  wake(): void {
    if (inState(this.#options.pools, 'draining').length === 0) return;
    this.#reportedAt = Number.NEGATIVE_INFINITY;
    this.#loop.wake();
  }

  /** Ends the reports with one that says so. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    this.#send(true);
  }

  #turn(): void {
    const { clock, pools } = this.#options;
    const now = clock.monotonic();
    const isDraining = inState(pools, 'draining').length > 0;
    if (!isDraining && now - this.#reportedAt < reportEveryMs.idle) return;
    if (this.#send(false)) this.#reportedAt = now;
  }

  #send(leaving: boolean): boolean {
    const { identity, publish } = this.#options;
    const subject = subjects.drain(identity.vpcId, identity.routerId);
    const now = this.#options.clock.monotonic();
    const due = now - this.#loadsAt >= reportEveryMs.idle;
    const report = { ...drainReport(this.#options, leaving), ...(due && { loads: loadsOf(this.#options) }) };
    const sent = publish(subject, JSON.stringify(report));
    if (sent && due) this.#loadsAt = now;
    return sent;
  }
}

function inState(pools: PoolDirectory, wanted: PoolReplica['state']): string[] {
  return pools
    .documents()
    .flatMap(({ replicas }) => replicas.filter(({ state }) => state === wanted).map(({ replicaId }) => replicaId));
}
