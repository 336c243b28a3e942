import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { BytesPerToken } from '../replicas/bytes-per-token.ts';
import type { PrefillPace } from '../replicas/pace/prefill-pace.ts';
import type { ReplicaSpeeds } from '../replicas/pace/replica-speeds.ts';
import type { PrefixIndex, PrefixMatch } from '../replicas/prefix-index.ts';
import type { ReplicaHealth } from '../replicas/replica-health.ts';
import type { ReplicaTable } from '../replicas/replica-table.ts';
import { cacheExpecter } from './booking.ts';
import type { Work } from './picker.ts';
import { PoolCandidate } from './policies/candidate.ts';
import type { Candidate, History } from './policies/policy.ts';

/** What is known of replicas, and learned of their pools. */
export interface Knowledge {
  readonly table: ReplicaTable;
  readonly health: ReplicaHealth;
  readonly index: PrefixIndex;
  readonly bytesPerToken: BytesPerToken;
  readonly pace: PrefillPace;
  readonly speeds: ReplicaSpeeds;
}

/** The replicas of a pool as candidates. They are filled anew at each look: what one shows is over when the next begins. */
export class PoolCandidates {
  readonly pool: PoolDocument;
  readonly #knowledge: Knowledge;
  readonly #all: readonly PoolCandidate[];
  readonly #ids: readonly string[];
  readonly #replicas: ReadonlyMap<string, PoolReplica>;

  constructor(pool: PoolDocument, knowledge: Knowledge, history: History) {
    this.pool = pool;
    this.#knowledge = knowledge;
    this.#all = pool.replicas.map(
      ({ replicaId, state }) => new PoolCandidate({ id: replicaId, condition: state }, history),
    );
    this.#ids = pool.replicas.map(({ replicaId }) => replicaId);
    this.#replicas = new Map(pool.replicas.map((replica) => [replica.replicaId, replica]));
  }

  replica(id: string): PoolReplica | undefined {
    return this.#replicas.get(id);
  }

  /** What is known of them now. */
  look(now: number): readonly PoolCandidate[] {
    const { table, health } = this.#knowledge;
    table.measure(this.#all, now);
    for (const one of this.#all) one.doubt = health.doubt(one.id, now);
    return this.#all;
  }

  /** What they are for a request, but for those that are excluded; and of each what it holds of the prompt. */
  suit(
    work: Work,
    { excluded, now }: { excluded: ReadonlySet<string>; now: number },
  ): { candidates: readonly Candidate[]; matches: readonly PrefixMatch[] } {
    const { index, bytesPerToken, pace, speeds } = this.#knowledge;
    const all = this.look(now);
    const isOpen = (id: string): boolean => !excluded.has(id);
    const candidates = excluded.size === 0 ? all : all.filter(({ id }) => isOpen(id));
    const matches = index.match(excluded.size === 0 ? this.#ids : this.#ids.filter(isOpen), work.prompt);
    const expect = cacheExpecter(bytesPerToken, work);
    let [match, expected] = [matches[0], matches[0] && expect(matches[0])];
    let own = expected && pace.secondsFor(this.pool.pool, expected.prefill);
    candidates.forEach((one, at) => {
      if (matches[at] !== match) {
        match = matches[at];
        expected = match && expect(match);
        own = expected && pace.secondsFor(this.pool.pool, expected.prefill);
      }
      const { kvTokens, residentAdapters } = one.signals;
      const slowness = speeds.slownessOf(one.id, now);
      one.suit({
        matchedBlock: match?.block ?? -1,
        cachedTokens: expected?.predictedCachedTokens ?? 0,
        newTokens: expected?.privateContextTokens ?? 0,
        // An engine that has not counted its cache yet says 0.
        kvTokens: kvTokens || this.pool.engine.kvTokens,
        warmShare: index.warmShare(one.id, now),
        slowness,
        lacksAdapter: work.adapter !== undefined && residentAdapters?.includes(work.adapter) === false,
        ownSeconds: own === undefined ? undefined : own * slowness,
      });
    });
    return { candidates, matches };
  }
}
