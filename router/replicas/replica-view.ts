/** What routers have under way on one replica, as absolute figures. */
export interface ReplicaLoad {
  /** Requests. */
  readonly inFlight: number;
  /** Uncached prefill that is still to be done: the time that it takes on this very replica. */
  readonly prefillSecondsLeft: number;
  /** Context tokens that no other request shares. */
  readonly privateContextTokens: number;
  readonly reservedOutputTokens: number;
  /** Prompts under way whose conversations were not in the cache any more. */
  readonly coldPrompts: number;
}

/** What a replica's own metrics said last; undefined is unknown, not 0. */
export interface ReplicaSignals {
  readonly running?: number;
  readonly waiting?: number;
  /** Share of the KV cache that requests under way hold, 0 to 1: what is cached and idle is free. */
  readonly kvUse?: number;
  /** Tokens that the whole KV cache holds. */
  readonly kvTokens?: number;
  /** Prompt tokens that were looked up in its prefix cache, and found there, since it started. */
  readonly cacheQueries?: number;
  readonly cacheHits?: number;
  /** Requests that were put back for want of KV cache since it started. */
  readonly preemptions?: number;
  /** Adapters (LoRA) that requests run on now, and how many it can have at once. */
  readonly residentAdapters?: readonly string[];
  readonly residentAdaptersMax?: number;
  /** When its process started, in seconds by its own clock: another value is another process. */
  readonly processStart?: number;
}

/** Only `ready` takes new requests. */
export type ReplicaCondition = 'ready' | 'proving' | 'draining';

/** One replica at one instant; the load is that of all routers together. */
export interface ReplicaState extends ReplicaLoad {
  readonly id: string;
  readonly signals: ReplicaSignals;
  readonly condition: ReplicaCondition;
  /** 0: none. Else it is taken only if nobody with less is there; Infinity: never. */
  readonly doubt: number;
  /** Requests that the engine reported and no router counts. */
  readonly unseen: number;
}

export const noLoad: ReplicaLoad = {
  inFlight: 0,
  prefillSecondsLeft: 0,
  privateContextTokens: 0,
  reservedOutputTokens: 0,
  coldPrompts: 0,
};

/** Sum of two loads. */
export function addLoad(a: ReplicaLoad, b: ReplicaLoad): ReplicaLoad {
  return {
    inFlight: a.inFlight + b.inFlight,
    prefillSecondsLeft: a.prefillSecondsLeft + b.prefillSecondsLeft,
    privateContextTokens: a.privateContextTokens + b.privateContextTokens,
    reservedOutputTokens: a.reservedOutputTokens + b.reservedOutputTokens,
    coldPrompts: a.coldPrompts + b.coldPrompts,
  };
}

/** The load that gives another one back. */
export function negated(load: ReplicaLoad): ReplicaLoad {
  return {
    inFlight: -load.inFlight,
    prefillSecondsLeft: -load.prefillSecondsLeft,
    privateContextTokens: -load.privateContextTokens,
    reservedOutputTokens: -load.reservedOutputTokens,
    coldPrompts: -load.coldPrompts,
  };
}
