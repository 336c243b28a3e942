import type { OverSeeds } from './seen/contender.ts';

/** A number as people read it: three digits that count, groups of thousands. NaN is what nobody knows. */
export function numeral(value: number): string {
  if (Number.isNaN(value)) return 'unknown';
  if (!Number.isFinite(value)) return '∞';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  const decimals = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  return value.toFixed(decimals);
}

export function percent(share: number): string {
  return Number.isNaN(share) ? 'unknown' : `${(100 * share).toFixed(1)} %`;
}

/** US dollars. */
export function dollars(amount: number): string {
  return Number.isFinite(amount) ? `$${numeral(amount)}` : 'unknown';
}

/** `3.21 (2.90–3.50)`; one seed has no spread. */
export function spreadText({ middle, least, most }: OverSeeds, text: (value: number) => string = numeral): string {
  return text(least) === text(most) ? text(middle) : `${text(middle)} (${text(least)}–${text(most)})`;
}
