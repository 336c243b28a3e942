/** Proven, or why not; `busy`: the router had no room for it, which says nothing about the endpoint. */
export type ProofOutcome = { ok: true } | { ok: false; reason: string; busy?: boolean };

/** A proof to be asked for; the desk that does so ignores what it already knows. */
export interface ProofStep {
  kind: 'prove';
  key: string;
  pool: string;
  specRevision: number;
  replicaId: string | null;
  host: string;
  /** Routers that may be asked, one after the other; not empty. */
  listenerUrls: readonly string[];
  model: string;
  /** Successes up to this moment do not count any more, milliseconds since the epoch; absent = every one counts. */
  staleAt?: number;
}

/**
 * The last answer to a proof. `at`: when it came, milliseconds since the epoch; `failures`: in a row, those left out in
 * which the router had no room; `failingSince`: when the first of them was asked for.
 */
export type ProofRecord = ProofOutcome & { at: number; failures: number; failingSince?: number };

/** Names of proofs. A container that restarted is another replica; a lost endpoint has to be proven again. */
export const proofKeys = {
  replica: (pod: { replicaId: string; restarts: number }): string => `replica/${pod.replicaId}/${pod.restarts}`,
  endpoint: (at: EndpointMoment & { pool: string; host: string }): string =>
    `${endpointPrefix(at)}${at.pool}/${at.host}`,
} as const;

/** What an endpoint's proofs hold for. */
interface EndpointMoment {
  revision: number;
  lifecycleSeq: number;
}

/** How the keys of an endpoint's proofs begin. */
export const endpointPrefix = ({ revision, lifecycleSeq }: EndpointMoment): string =>
  `endpoint/${revision}/${lifecycleSeq}/`;
