/** Log-normal by its median; `sigma` is the standard deviation of the logarithm. */
export function logNormal(random: () => number, { median, sigma }: { median: number; sigma: number }): number {
  return median * Math.exp(sigma * normal(random));
}

/** Exponential by its mean. */
export function exponential(random: () => number, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** A rank from 0 on: rank r has the weight 1 / (r + 1)^skew (Zipf). */
export function zipf(random: () => number, { count, skew }: { count: number; skew: number }): number {
  const weights = Array.from({ length: count }, (_, rank) => (rank + 1) ** -skew);
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  const found = weights.findIndex((weight) => (left -= weight) < 0);
  return found < 0 ? count - 1 : found;
}

/** Standard normal (Box and Muller 1958). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
