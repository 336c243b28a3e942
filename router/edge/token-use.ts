import { subjects } from '#shared/contract/subjects.ts';
import { usesPerReport, type UseReport } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { Grant } from './access-directory.ts';

/** Tokens whose use of a day is remembered: about 10 MB. */
export const usesMax = 100_000;

const dayMs = 24 * 60 * 60 * 1000;

/** What reports are made of and where they go. */
export interface TokenUseOptions {
  readonly vpcId: string;
  readonly routerId: string;
  readonly everyMs: number;
  /** Tokens whose use of a day is remembered. */
  readonly usesMax: number;
  /** True once the report is stored. */
  readonly deliver: (subject: string, text: string) => Promise<boolean>;
  /** Called for each use that is not noted for want of room. */
  readonly onDropped: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Use {
  readonly endpointId: string;
  /** Days since the epoch (UTC). */
  readonly day: number;
  told: boolean;
}

/**
 * Tells on which day each token was used: once a day and router, in batches, again until the report is stored. A router that
 * is killed loses what it has not told; the token's next use tells it.
 */
export class TokenUse implements AsyncDisposable {
  readonly #options: TokenUseOptions;
  readonly #uses = new Map<string, Use>();
  readonly #loop: Loop;

  constructor(options: TokenUseOptions) {
    this.#options = options;
    const { everyMs, clock, log } = options;
    // Routers tell at different times, also behind midnight.
    this.#loop = startLoop({ name: 'token.use', everyMs, clock, log, jitter: 0.5, immediately: false }, () =>
      this.#tell(),
    );
  }

  /** A token was let in. */
  note({ tokenId, endpointId }: Pick<Grant, 'tokenId' | 'endpointId'>): void {
    const day = this.#today();
    const known = this.#uses.get(tokenId);
    if (known?.day === day) return;
    if (known === undefined && this.#uses.size >= this.#options.usesMax) return this.#options.onDropped();
    this.#uses.set(tokenId, { endpointId, day, told: false });
  }

  /** Tells what is left, once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    await this.#tell();
  }

  async #tell(): Promise<void> {
    const { vpcId, routerId, deliver } = this.#options;
    const today = this.#today();
    for (const [tokenId, { day, told }] of this.#uses) if (told && day < today) this.#uses.delete(tokenId);
    const due = Array.from(this.#uses).filter(([, { told }]) => !told);
    for (const [day, uses] of Map.groupBy(due, ([, use]) => use.day))
      for (let start = 0; start < uses.length; start += usesPerReport) {
        const batch = uses.slice(start, start + usesPerReport);
        if (!(await deliver(subjects.use(vpcId, routerId), JSON.stringify(reportOf(day, batch))))) return;
        for (const [, use] of batch) use.told = true;
      }
  }

  #today(): number {
    return Math.floor(this.#options.clock.now() / dayMs);
  }
}

function reportOf(day: number, uses: readonly [tokenId: string, use: Use][]): UseReport {
  const tokens: UseReport['tokens'] = {};
  for (const [tokenId, { endpointId }] of uses) (tokens[endpointId] ??= []).push(tokenId);
  return { v: 1, day: new Date(day * dayMs).toISOString().slice(0, 10), tokens };
}
