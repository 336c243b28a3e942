import type { PromptKeys } from '../scan/block-keys.ts';
import { PrefixMirror } from './prefix-mirror.ts';
import type { Generated, MirrorBlock } from './prefix-mirror.ts';

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
  /** Tokens that were generated after that block and are cached behind it. */
  readonly outputTokens: number;
}

export interface PrefixIndexOptions {
  /** The KV capacity of a replica in prompt bytes (KV tokens times learned bytes per token). */
  readonly capacityBytes: (replica: string) => number;
  readonly maxBlocksPerReplica?: number;
}

const MAX_BLOCKS = 65_536;

/**
 * Which prompt prefixes each replica probably holds: one mirror of its KV cache per replica, fed by what routers sent
 * there. A guess that steers, never a truth: engines evict by their own rules.
 */
export class PrefixIndex {
  private readonly options: PrefixIndexOptions;
  private readonly mirrors = new Map<string, PrefixMirror>();

  constructor(options: PrefixIndexOptions) {
    this.options = options;
  }

  /** The longest known prefix per replica. Changes nothing. */
  match(replicas: readonly string[], keys: BigUint64Array): Map<string, PrefixMatch> {
    const words = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
    return new Map(
      replicas.map((replica) => {
        const mirror = this.mirrors.get(replica);
        const block = mirror?.longestPrefix(words) ?? -1;
        return [replica, { block, outputTokens: mirror?.outputTokens(keys[block] ?? 0n) ?? 0 }];
      }),
    );
  }

  /** Books a prompt that goes to a replica; returns the news for the other routers. */
  insert(replica: string, { keys, bytesUpTo }: PromptKeys): PrefixNews {
    const known = this.match([replica], keys).get(replica)?.block ?? -1;
    const newKeys = keys.slice(known + 1);
    const news: PrefixNews = {
      replica,
      parentTip: keys[known] ?? 0n,
      newKeys,
      newBytes: Uint32Array.from(newKeys, (_, i) => blockBytes(bytesUpTo, known + 1 + i)),
      touchedTip: keys.at(-1) ?? 0n,
    };
    this.apply(news);
    return news;
  }

  /** Books the output of a finished request behind its last block; returns the news for the other routers. */
  finish(replica: string, tip: bigint, generated: Generated): PrefixNews {
    const none = { newKeys: new BigUint64Array(), newBytes: new Uint32Array() };
    const news: PrefixNews = { replica, parentTip: tip, ...none, touchedTip: tip, generated };
    this.apply(news);
    return news;
  }

  /** Takes another router's news. `gap`: its parent is not known here; its sender has the blocks in between. */
  apply(news: PrefixNews): 'applied' | 'gap' {
    const mirror = this.mirrorOf(news.replica);
    if (!mirror.extend(news.parentTip, news.newKeys, news.newBytes)) return 'gap';
    if (news.generated) mirror.remember(news.touchedTip, news.generated);
    return 'applied';
  }

  /** The mirror of a replica, parents before children, for a router that has a gap. */
  blocks(replica: string): MirrorBlock[] {
    return [...(this.mirrors.get(replica)?.newestFirst() ?? [])];
  }

  /** Takes blocks of another router's mirror, in its order; what is known here stays as it is. */
  adopt(replica: string, blocks: readonly MirrorBlock[]): void {
    const mirror = this.mirrorOf(replica);
    for (const block of blocks) mirror.adopt(block);
  }

  /** Forgets a replica's least recently used blocks until at most `bytes` are left. */
  evict(replica: string, bytes: number): void {
    this.mirrors.get(replica)?.evict(bytes);
  }

  /** Reads the capacity again, after it was learned better. */
  resize(replica: string): void {
    this.mirrors.get(replica)?.resize(this.options.capacityBytes(replica));
  }

  /** Forgets a replica that is gone or has restarted. */
  dropReplica(replica: string): void {
    this.mirrors.delete(replica);
  }

  /** For metrics. */
  size(): { replicas: number; blocks: number; memoryBytes: number } {
    const all = [...this.mirrors.values()];
    const sum = (of: (mirror: PrefixMirror) => number): number => all.reduce((total, mirror) => total + of(mirror), 0);
    return { replicas: all.length, blocks: sum((m) => m.blocks), memoryBytes: sum((m) => m.memoryBytes) };
  }

  private mirrorOf(replica: string): PrefixMirror {
    const known = this.mirrors.get(replica);
    if (known) return known;
    const maxBlocks = this.options.maxBlocksPerReplica ?? MAX_BLOCKS;
    const mirror = new PrefixMirror({ capacityBytes: this.options.capacityBytes(replica), maxBlocks });
    this.mirrors.set(replica, mirror);
    return mirror;
  }
}

function blockBytes(bytesUpTo: Float64Array, block: number): number {
  return (bytesUpTo[block] ?? 0) - (block > 0 ? (bytesUpTo[block - 1] ?? 0) : 0);
}
