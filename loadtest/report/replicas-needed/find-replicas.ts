/** What a fleet of one size came to. */
export interface Tried {
  readonly replicas: number;
  /** Share of first tokens within two seconds, seed by seed. */
  readonly soon: number[];
}

/** A search's end: the fewest replicas that are enough, and all that was tried, in that order. */
export interface Search {
  /** Undefined where not even the most that were allowed are enough. */
  readonly needed: number | undefined;
  readonly tried: Tried[];
}

/**
 * The fewest replicas, from 1 to `most`, that `isEnough`, by bisection: more are taken to be better. Each size is tried with
 * the same seeds, so that sizes and contenders differ by nothing else.
 */
export async function findReplicas(
  most: number,
  tryOut: (replicas: number) => Promise<number[]>,
  isEnough: (soon: readonly number[]) => boolean,
): Promise<Search> {
  const tried: Tried[] = [];
  const enough = async (replicas: number): Promise<boolean> => {
    const soon = await tryOut(replicas);
    tried.push({ replicas, soon });
    return isEnough(soon);
  };
  if (!(await enough(most))) return { needed: undefined, tried };
  let [tooFew, needed] = [0, most];
  while (needed - tooFew > 1) {
    const middle = Math.floor((tooFew + needed) / 2);
    if (await enough(middle)) needed = middle;
    else tooFew = middle;
  }
  return { needed, tried };
}
