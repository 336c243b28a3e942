import type { Figures } from '#loadtest/record/figures.ts';

/** What two runs of one scenario may differ by, and what they do. */
export interface Gap {
  /** Percentage points. */
  readonly hitPoints: number;
  /** Of times to the first token, as shares of what was expected. */
  readonly p50: number;
  readonly p95: number;
  readonly agrees: boolean;
}

const [hitPointsMax, timeShareMax] = [1, 0.15] as const;

/** How far what was seen is from what was expected. */
export function gapOf(expected: Figures, seen: Figures): Gap {
  const hitPoints = 100 * (seen.hits - expected.hits);
  const p50 = seen.ttft.p50 / expected.ttft.p50 - 1;
  const p95 = seen.ttft.p95 / expected.ttft.p95 - 1;
  const agrees = Math.abs(hitPoints) <= hitPointsMax && Math.max(Math.abs(p50), Math.abs(p95)) <= timeShareMax;
  return { hitPoints, p50, p95, agrees };
}
