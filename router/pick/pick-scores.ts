import type { Candidate, Cost } from './policies/policy.ts';

/** What was seen of one candidate; its cost is undefined while the pace of the pool is unknown. */
export interface PickScore {
  readonly replica: string;
  readonly matchedBlock: number;
  readonly cachedTokens: number;
  readonly inFlight: number;
  readonly slowness: number;
  readonly cost: Cost | undefined;
}

/** Figures of one candidate: those above, in their order, and those of its cost; no number where that is unknown. */
const figures = 9;

const unknownCost: Cost = { wait: NaN, own: NaN, fill: NaN, pressure: NaN, total: NaN };

/**
 * What was seen of the candidates of one pick: numbers, until somebody asks what they say. Most picks are never looked at,
 * and candidates are filled anew for the next one.
 */
export class PickScores {
  readonly #replicas: readonly Pick<Candidate, 'id'>[];
  readonly #figures: number[] = [];

  constructor(candidates: readonly Candidate[]) {
    this.#replicas = candidates;
    const all = this.#figures;
    // Grown once. A typed array of this size lies outside of the young generation, which costs more than filling it.
    all.length = figures * candidates.length;
    let at = 0;
    for (const { matchedBlock, cachedTokens, inFlight, slowness, cost } of candidates) {
      all[at++] = matchedBlock;
      all[at++] = cachedTokens;
      all[at++] = inFlight;
      all[at++] = slowness;
      const { wait, own, fill, pressure, total } = cost ?? unknownCost;
      all[at++] = wait;
      all[at++] = own;
      all[at++] = fill;
      all[at++] = pressure;
      all[at++] = total;
    }
  }

  /** How many candidates there were. */
  get length(): number {
    return this.#replicas.length;
  }

  toJSON(): PickScore[] {
    return this.#replicas.map(({ id: replica }, at) => {
      const [
        matchedBlock = 0,
        cachedTokens = 0,
        inFlight = 0,
        slowness = 0,
        wait = 0,
        own = 0,
        fill = 0,
        pressure = 0,
        total = 0,
      ] = this.#figures.slice(figures * at, figures * (at + 1));
      const cost = Number.isNaN(total) ? undefined : { wait, own, fill, pressure, total };
      return { replica, matchedBlock, cachedTokens, inFlight, slowness, cost };
    });
  }
}

/** Of a replica that was not picked among others. */
export const noScores = new PickScores([]);
