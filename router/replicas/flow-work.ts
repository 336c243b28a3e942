/** What one process has served, as others hear of it; the newest of a process replaces all older ones. */
export interface ServedFlows {
  readonly router: string;
  /** Start of the router's process. */
  readonly epoch: number;
  readonly seq: number;
  /** Work per flow, decayed. */
  readonly flows: ReadonlyMap<string, number>;
}

interface Served {
  readonly work: number;
  readonly at: number;
}

/** Work of all flows of a pool together. */
interface Summed {
  work: number;
  flows: number;
}

/** How often a router tells others what it has served, milliseconds. Fairness is over minutes. */
const tellEveryMs = 2000;
/** How long a sum of all flows is taken for true, milliseconds. */
const sumEveryMs = 1000;
/** What few requests take, tokens: nobody is greedy beside others who have not had as much together. */
export const littleWork = 20_000;
/** What was served counts half after so long, milliseconds: about as long as an engineer's turn and the pause after it. */
const halfLifeMs = 60_000;
/** What is older counts for less than a thousandth and is forgotten. */
const forgetMs = 10 * halfLifeMs;
/** Flows that one process remembers and tells of: as many as engineers that a fleet is made for. */
const flowsMax = 2048;
/**
 * A flow has had more than its share with more work than this, tokens, and more than so many times the mean of the others of
 * its pool: the former is about what two of the longest conversations take that are computed anew within a minute.
 */
const [greedyWork, greedyFactor] = [250_000, 4] as const;
/** Processes of others that are remembered, those that have ended included. */
const processesMax = 64;

/**
 * Work that flows were served lately, by all routers: what a flow had from a process that has ended it has had. Figures are
 * absolute and fall by half each minute, here and there, so that a message that is lost or comes twice changes nothing.
 * Times are monotonic milliseconds.
 */
export class FlowWork {
  /** Flows that were forgotten for want of room, those with the least work. */
  forgotten = 0;
  readonly #owner: Pick<ServedFlows, 'router' | 'epoch'>;
  readonly #own = new Map<string, Served>();
  readonly #others = new Map<string, { readonly told: ServedFlows; readonly at: number }>();
  #seq = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #sums: ReadonlyMap<string, Summed> = new Map();
  #summedAt = Number.NEGATIVE_INFINITY;

  constructor(owner: Pick<ServedFlows, 'router' | 'epoch'>) {
    this.#owner = owner;
  }

  /** A flow was served so much by this router. Any unit, the same at all routers. */
  served(flow: string, work: number, now: number): void {
    const known = this.#own.get(flow);
    if (known === undefined && this.#own.size >= flowsMax) this.#makeRoom(now);
    this.#own.set(flow, { work: (known === undefined ? 0 : decayed(known, now)) + work, at: now });
  }

  /** What all routers have served a flow lately. */
  workOf(flow: string, now: number): number {
    const own = this.#own.get(flow);
    let sum = own === undefined ? 0 : decayed(own, now);
    for (const { told, at } of this.#others.values()) sum += decayed({ work: told.flows.get(flow) ?? 0, at }, now);
    return sum;
  }

  /** Whether a flow has lately had much more than the others of its pool. Nobody has who is as good as alone. */
  isGreedy(flow: string, now: number): boolean {
    const own = this.workOf(flow, now);
    if (own <= greedyWork) return false;
    const { work, flows } = this.#sumsAt(now).get(poolPart(flow)) ?? { work: 0, flows: 0 };
    return work - own > littleWork && own > (greedyFactor * (work - own)) / (flows - 1);
  }

  /** What the others should know now; undefined if nothing, or if they were told just before. */
  toTell(now: number): ServedFlows | undefined {
    if (now - this.#toldAt < tellEveryMs) return undefined;
    this.#toldAt = now;
    for (const [flow, { at }] of this.#own) if (now - at > forgetMs) this.#own.delete(flow);
    if (this.#own.size === 0) return undefined;
    const flows = new Map<string, number>();
    for (const [flow, served] of this.#own) flows.set(flow, Math.round(100 * decayed(served, now)) / 100);
    return { ...this.#owner, seq: ++this.#seq, flows };
  }

  /** Takes what another process tells. */
  receive(told: ServedFlows, now: number): void {
    const { router, epoch, seq } = told;
    if (router === this.#owner.router && epoch === this.#owner.epoch) return;
    const name = `${epoch} ${router}`;
    const known = this.#others.get(name);
    if (known !== undefined && seq <= known.told.seq) return;
    this.#others.delete(name);
    this.#others.set(name, { told, at: now });
    for (const [other, { at }] of this.#others)
      if (now - at > forgetMs || this.#others.size > processesMax) this.#others.delete(other);
  }

  /** Of the flows of each pool, as it was up to a second ago. */
  #sumsAt(now: number): ReadonlyMap<string, Summed> {
    if (now - this.#summedAt < sumEveryMs) return this.#sums;
    const flows = new Set(this.#own.keys());
    for (const { told } of this.#others.values()) for (const flow of told.flows.keys()) flows.add(flow);
    const sums = new Map<string, Summed>();
    for (const flow of flows) {
      const sum = sums.get(poolPart(flow)) ?? { work: 0, flows: 0 };
      sums.set(poolPart(flow), sum);
      sum.work += this.workOf(flow, now);
      sum.flows += 1;
    }
    this.#summedAt = now;
    return (this.#sums = sums);
  }

  /** An eighth at once: looking for the least takes a look at all. */
  #makeRoom(now: number): void {
    const least = [...this.#own].toSorted(([, a], [, b]) => decayed(a, now) - decayed(b, now));
    for (const [flow] of least.slice(0, flowsMax / 8)) {
      this.#own.delete(flow);
      this.forgotten++;
    }
  }
}

function decayed({ work, at }: Served, now: number): number {
  return work * 2 ** ((at - now) / halfLifeMs);
}

/** Flows of one pool begin alike, up to a colon (`../request/flow.ts`). */
function poolPart(flow: string): string {
  return flow.slice(0, flow.indexOf(':') + 1);
}
