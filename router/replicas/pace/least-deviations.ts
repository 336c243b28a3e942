/** One observation: what is expected to be `coefficients · amounts`. */
export interface Observation {
  readonly amounts: readonly number[];
  readonly value: number;
  /** How far off it may be for other reasons. */
  readonly doubt: number;
}

/** Rounds of reweighting, and of descent in each; both converge in fewer on what engines show. */
const [rounds, sweeps] = [8, 10] as const;
/** A deviation below this share of what is expected weighs as one of this share: so the fit is smooth at its best. */
const smallDeviation = 0.02;
/** How much the proportions of the first guess weigh, in observations. */
const guessWeight = 0.1;

/**
 * Coefficients, none negative, whose deviations from the observations are least in sum, each as a share of what is expected:
 * half of the observations may be wrong without moving it far. Least absolute deviations by iteratively reweighted least
 * squares (Schlossmacher 1973), each step by coordinate descent. Where the observations leave a direction open, the
 * coefficients keep the proportions of `guess`.
 */
export function leastDeviations(observations: readonly Observation[], guess: readonly number[]): number[] {
  const scale = median(observations.map(({ amounts, value }) => value / dot(amounts, guess)));
  const scaled = Float64Array.from(guess, (one) => one * scale);
  const shares = new Float64Array(guess.length).fill(1);
  const parts = new Float64Array(guess.length);
  const sums = new Float64Array(guess.length);
  const squares = guess.map(() => new Float64Array(guess.length));
  for (let round = 0; round < rounds; round += 1) {
    sums.fill(guessWeight);
    for (const [i, row] of squares.entries()) row.fill(0)[i] = guessWeight;
    for (const { amounts, value, doubt } of observations) {
      for (let i = 0; i < parts.length; i += 1) parts[i] = (scaled[i] ?? 0) * (amounts[i] ?? 0);
      const expected = dot(parts, shares);
      const unit = expected + doubt;
      const weight = 1 / (unit * unit * Math.max(Math.abs(value - expected) / unit, smallDeviation));
      for (let i = 0; i < parts.length; i += 1) {
        const part = weight * (parts[i] ?? 0);
        sums[i] = (sums[i] ?? 0) + part * value;
        addTo(squares[i], parts, part);
      }
    }
    descend(shares, squares, sums);
  }
  return Array.from(shares, (share, i) => share * (scaled[i] ?? 0));
}

function addTo(row: Float64Array | undefined, parts: Float64Array, factor: number): void {
  if (row !== undefined) for (let j = 0; j < parts.length; j += 1) row[j] = (row[j] ?? 0) + factor * (parts[j] ?? 0);
}

/** Moves `shares` towards the solution of `squares · shares = sums` among what is not negative. */
function descend(shares: Float64Array, squares: readonly Float64Array[], sums: Float64Array): void {
  for (let sweep = 0; sweep < sweeps; sweep += 1)
    for (let i = 0; i < shares.length; i += 1) {
      const own = squares[i]?.[i] ?? 1;
      const rest = dot(squares[i] ?? [], shares) - own * (shares[i] ?? 0);
      shares[i] = Math.max(0, ((sums[i] ?? 0) - rest) / own);
    }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 1;
}
