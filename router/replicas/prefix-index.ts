import type { PromptKeys } from '../scan/prefix-hash.ts';
import { wordsOf } from './block-slots.ts';
import { CacheShare, type CacheSeen } from './cache-share.ts';
import { PrefixMirror } from './prefix-mirror.ts';
import type { Generated, MirrorBlock, UsedTogether } from './prefix-mirror.ts';

/** A change of what a replica caches, told to all routers by the one that caused it. */
export interface PrefixNews {
  readonly replica: string;
  /** The known block that `newKeys` follow; 0 if they start a prompt. */
  readonly parentTip: bigint;
  readonly newKeys: BigUint64Array;
  /** Prompt bytes of each new block. */
  readonly newBytes: Uint32Array;
  /** The last block of the prompt: it and all before it are in use now. */
  readonly touchedTip: bigint;
  /** Set when the request has finished. */
  readonly generated?: Generated;
}

/** How much of a prompt a replica holds. */
export interface PrefixMatch {
  /** Index of the last matching block; -1 if none matches. */
  readonly block: number;
  /** Tokens up to the end of that block, if a prompt ended there and the engine has counted them; else 0. */
  readonly promptTokens: number;
  /** Tokens that were generated after that block and are cached behind it. */
  readonly outputTokens: number;
  /** It holds the prompt that this one goes on from. */
  readonly holdsEarlier: boolean;
}

/** Of a replica that holds nothing of it. */
export const noMatch: PrefixMatch = { block: -1, promptTokens: 0, outputTokens: 0, holdsEarlier: false };

/** One replica as the index knows it; its mirror is made when there is something to hold. */
interface Entry {
  /** As told: by the engine, or else by its profile. */
  capacityBytes: number;
  /** What of that it seems to have. */
  readonly share: CacheShare;
  mirror: PrefixMirror | undefined;
}

/** What a mirror holds at most, whatever the replica's capacity. */
const blocksMax = 65_536;
/** Blocks that one prompt adds at once, 1 ms at most (`testing/cpu/scanner.bench.ts`); the next turn adds what follows. */
const newBlocksMax = 16_384;

/**
 * Which prompt prefixes each replica probably holds: one mirror of its KV cache per replica, fed by what routers sent
 * there. A guess that steers, never a truth: engines evict by their own rules. Of replicas that no pool names it holds
 * nothing, so that ids that somebody else made up take no memory.
 */
export class PrefixIndex {
  readonly #now: () => number;
  readonly #blocksMax: number;
  readonly #entries = new Map<string, Entry>();

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number, blocksPerReplicaMax = blocksMax) {
    this.#now = now;
    this.#blocksMax = blocksPerReplicaMax;
  }

  /** The replicas of all pools, with their KV capacity in prompt bytes; what is known of others is forgotten. */
  setReplicas(capacities: ReadonlyMap<string, number>): void {
    for (const replica of this.#entries.keys()) if (!capacities.has(replica)) this.#entries.delete(replica);
    for (const [replica, capacityBytes] of capacities) {
      if (this.#entries.has(replica)) this.resize(replica, capacityBytes);
      else this.#entries.set(replica, { capacityBytes, share: new CacheShare(), mirror: undefined });
    }
  }

  /** The capacity is known better. */
  resize(replica: string, capacityBytes: number): void {
    const entry = this.#entries.get(replica);
    if (entry === undefined || entry.capacityBytes === capacityBytes) return;
    entry.capacityBytes = capacityBytes;
    entry.mirror?.resize(sizeOf(entry));
  }

  /** The blocks of a prompt that a replica holds, by when they were last used. */
  uses(replica: string, { keys }: Pick<PromptKeys, 'keys'>): UsedTogether[] {
    const mirror = this.#entries.get(replica)?.mirror;
    return mirror?.usesUpTo(keys[mirror.longestPrefix(wordsOf(keys), keys.length - 1)] ?? 0n) ?? [];
  }

  /** An engine told what it had: that shows what its cache holds. What the mirror holds beyond that is forgotten. */
  correct(replica: string, seen: CacheSeen): void {
    const entry = this.#entries.get(replica);
    if (entry === undefined) return;
    entry.share.learn(seen, entry.capacityBytes);
    entry.mirror?.resize(sizeOf(entry));
  }

  /** An engine holds no more than this now: a replica's least recently used blocks beyond it are forgotten. */
  shrink(replica: string, bytes: number): void {
    this.#entries.get(replica)?.mirror?.evict(bytes);
  }

  knows(replica: string): boolean {
    return this.#entries.has(replica);
  }

  /**
   * The longest known prefix of each replica, in their order: one object for neighbours that hold the same. Most hold what
   * everybody shares, so that each is first looked at where the one before has ended. Changes nothing.
   */
  match(replicas: readonly string[], { keys, after }: Pick<PromptKeys, 'keys' | 'after'>): PrefixMatch[] {
    const words = wordsOf(keys);
    let last = noMatch;
    return replicas.map((replica) => {
      const mirror = this.#entries.get(replica)?.mirror;
      const block = mirror?.longestPrefix(words, last.block) ?? -1;
      const holdsEarlier = after !== undefined && mirror?.has(after) === true;
      const ends = block < 0 ? mirror?.generatedAfter(after ?? 0n) : mirror?.generatedAt(words, block);
      // A prompt that ends there again does not go on with what was answered.
      const outputTokens = block >= 0 && block === keys.length - 1 ? 0 : (ends?.tokens ?? 0);
      const promptTokens = ends?.promptTokens ?? 0;
      const isSame =
        last.block === block &&
        last.promptTokens === promptTokens &&
        last.outputTokens === outputTokens &&
        last.holdsEarlier === holdsEarlier;
      if (!isSame) last = { block, promptTokens, outputTokens, holdsEarlier };
      return last;
    });
  }

  /** Books a prompt that a replica has taken; returns the news for the other routers. */
  insert(replica: string, prompt: PromptKeys): PrefixNews {
    const { keys, bytesUpTo, after } = prompt;
    const { block: known, holdsEarlier } = this.match([replica], prompt)[0] ?? noMatch;
    const newKeys = keys.slice(known + 1, known + 1 + newBlocksMax);
    const newBytes = new Uint32Array(newKeys.length);
    for (let i = 0; i < newBytes.length; i++) newBytes[i] = blockBytes(bytesUpTo, known + 1 + i);
    const news: PrefixNews = {
      replica,
      parentTip: keys[known] ?? (holdsEarlier ? after : undefined) ?? 0n,
      newKeys,
      newBytes,
      touchedTip: keys[known + newKeys.length] ?? 0n,
    };
    this.apply(news);
    return news;
  }

  /**
   * Books the output of a finished request behind its last block; returns the news for the other routers. Undefined if that
   * block is not here any more: to the others it would be a gap that nobody can close.
   */
  finish(replica: string, tip: bigint, generated: Generated): PrefixNews | undefined {
    const none = { newKeys: new BigUint64Array(), newBytes: new Uint32Array() };
    const news: PrefixNews = { replica, parentTip: tip, ...none, touchedTip: tip, generated };
    return this.apply(news) === 'applied' ? news : undefined;
  }

  /**
   * Takes another router's news. `gap`: its parent is not known here; its sender has the blocks in between. `unknown`: no
   * pool names the replica yet.
   */
  apply(news: PrefixNews): 'applied' | 'gap' | 'unknown' {
    const mirror = this.#mirrorOf(news.replica);
    if (mirror === undefined) return 'unknown';
    const { parentTip, newKeys, newBytes, touchedTip, generated } = news;
    const extended = (generated !== undefined && newKeys.length === 0) || mirror.extend(parentTip, newKeys, newBytes);
    const remembered = generated === undefined || mirror.remember(touchedTip, generated);
    return extended && remembered ? 'applied' : 'gap';
  }

  /** A part of a replica's mirror, the most recently used first and parents before children, for a router that asks. */
  blocks(replica: string, { offset, count }: { offset: number; count: number }): MirrorBlock[] {
    return this.#entries.get(replica)?.mirror?.newestFirst(offset, count) ?? [];
  }

  /** Takes blocks of another router's mirror, in its order; `newest`: its first ones. Returns how many were new. */
  adopt(replica: string, blocks: readonly MirrorBlock[], newest = false): number {
    return this.#mirrorOf(replica)?.adopt(blocks, newest) ?? 0;
  }

  /** Forgets all blocks of a replica that has restarted, or says that it has lost them. */
  clear(replica: string): void {
    const entry = this.#entries.get(replica);
    if (entry !== undefined) entry.mirror = undefined;
  }

  /** Share of a replica's cache that was used lately, and will be again soon; 0 for one that is not known. */
  warmShare(replica: string, now: number): number {
    return this.#entries.get(replica)?.mirror?.warmShare(now) ?? 0;
  }

  /** How many blocks of a replica are known. */
  blocksOf(replica: string): number {
    return this.#entries.get(replica)?.mirror?.blocks ?? 0;
  }

  /** For metrics. */
  size(): { replicas: number; blocks: number; memoryBytes: number } {
    const all = [...this.#entries.values()].flatMap(({ mirror }) => (mirror === undefined ? [] : [mirror]));
    const sum = (of: (mirror: PrefixMirror) => number): number => all.reduce((total, mirror) => total + of(mirror), 0);
    return { replicas: all.length, blocks: sum((m) => m.blocks), memoryBytes: sum((m) => m.memoryBytes) };
  }

  #mirrorOf(replica: string): PrefixMirror | undefined {
    const entry = this.#entries.get(replica);
    if (entry !== undefined)
      entry.mirror ??= new PrefixMirror({ capacityBytes: sizeOf(entry), maxBlocks: this.#blocksMax }, this.#now);
    return entry?.mirror;
  }
}

function sizeOf({ capacityBytes, share }: Entry): number {
  return Math.round(capacityBytes * share.value);
}

function blockBytes(bytesUpTo: Float64Array, block: number): number {
  return (bytesUpTo[block] ?? 0) - (block > 0 ? (bytesUpTo[block - 1] ?? 0) : 0);
}
