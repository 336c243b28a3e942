import type { KeptAnswer } from '../replicas/kept-answers.ts';
import type { ServedFlows } from '../replicas/flow-work.ts';
import type { CacheNews } from '../replicas/cache-news.ts';
import type { PrefixNews } from '../replicas/prefix-index.ts';
import type { ScrapeResult } from '../replicas/replica-health.ts';
import type { ReplicaSignals } from '../replicas/replica-view.ts';
import type { LedgerRow } from '../replicas/replica-table.ts';

/** What routers of one cluster tell each other. `from` and `to` are router ids; what has a `to` reaches that one alone. */
export type LedgerMessage =
  /** The sender's load, whole, and how old its figures are when it is sent. */
  | { readonly kind: 'row'; readonly from: string; readonly row: LedgerRow; readonly ageMs: number }
  /** What the sender has served lately, whole. */
  | { readonly kind: 'flows'; readonly from: string; readonly served: ServedFlows }
  /** A change of what a replica caches. */
  | { readonly kind: 'news'; readonly from: string; readonly news: PrefixNews }
  /** The sender wants what the addressee knows of a replica, from the block at `offset` of its mirror on. */
  | {
      readonly kind: 'ask';
      readonly from: string;
      readonly to: string;
      readonly replica: string;
      readonly offset: number;
    }
  /** A part of the answer: blocks in the order of the sender's mirror, parents before children. */
  | {
      readonly kind: 'index-piece';
      readonly from: string;
      readonly to: string;
      readonly replica: string;
      readonly offset: number;
      /** Nothing follows. */
      readonly last: boolean;
      readonly keys: BigUint64Array;
      /** The block before each one; 0 for the first of a prompt. */
      readonly parents: BigUint64Array;
      /** Prompt bytes of each block. */
      readonly bytes: Uint32Array;
    }
  /** A replica of the sender's keeps an answer: told to all when it is given. */
  | ({
      readonly kind: 'kept';
      readonly from: string;
      /** Keyed hash of its id. */
      readonly key: string;
      /** Since it was given. */
      readonly ageMs: number;
    } & KeptAnswer)
  /** What the sender saw when it looked at a replica, so long after the look began. */
  | {
      readonly kind: 'look';
      readonly from: string;
      readonly replica: string;
      /** Which process was looked at. */
      readonly process: string;
      readonly ageMs: number;
      readonly health: ScrapeResult;
      readonly signals: ReplicaSignals;
      readonly cache?: CacheNews;
    }
  /** The first that the sender has waiting for a slot of a pool whose slots the addressee grants; absent: none any more. */
  | {
      readonly kind: 'want';
      readonly from: string;
      readonly to: string;
      /** Grows with every message of the sender. */
      readonly seq: number;
      readonly pool: string;
      /** What decides who goes first, seconds, and how long it has waited. */
      readonly want?: { readonly cost: number; readonly ageMs: number };
    }
  /** A free slot of a pool is for this router now, for a moment. */
  | {
      readonly kind: 'grant';
      readonly from: string;
      readonly owner: string;
      readonly seq: number;
      readonly pool: string;
    }
  /** The sender is here, for the first time or again, and may have told others less than it knows. */
  | { readonly kind: 'hello'; readonly from: string };

/** Messages that are sent at once, ahead of all others: a slot stays empty until they come. */
export function isUrgent({ kind }: LedgerMessage): boolean {
  return kind === 'want' || kind === 'grant';
}
