/** What clients saw that each sent a request when the one before was answered. */
export interface LoopResult {
  count: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** Lets `clients` work for `seconds`, each at one piece at a time; pieces are numbered from 1. */
export async function closedLoop(
  { clients, seconds }: { clients: number; seconds: number },
  work: (number: number) => Promise<unknown>,
): Promise<LoopResult> {
  const startedAt = performance.now();
  const took: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    while (performance.now() - startedAt < seconds * 1000) {
      next += 1;
      const sentAt = performance.now();
      await work(next);
      took.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const sorted = took.toSorted((a, b) => a - b);
  const quantile = (share: number): number => Number((sorted[Math.floor(share * sorted.length)] ?? 0).toFixed(1));
  const perSecond = Math.round((1000 * took.length) / (performance.now() - startedAt));
  return { count: took.length, perSecond, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
