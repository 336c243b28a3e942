import type { Figures, ProcessUse, Spread } from '#loadtest/record/figures.ts';
import { good } from '#loadtest/record/request-record.ts';

/** What a run came to, for people to read. */
export function summaryOf(figures: Figures, seconds: number): string {
  const { ttft, e2e, itlMs, lateMs, hits, codes, refused, broken, unsent, unfinished, target, sender } = figures;
  const answered = figures.requestsPerSecond * seconds;
  const rows = { 'TTFT, s': ttft, 'E2E, s': e2e, 'ITL, ms': itlMs, 'sent late, ms': lateMs };
  const uses = { target, 'load generator': sender };
  const doubts = figures.doubts ?? [];
  return [
    `answered ${answered.toFixed(0)} (${figures.requestsPerSecond.toFixed(2)}/s) · refused ${refused} · broken ${broken} · unsent ${unsent ?? 0} · not over at the end ${unfinished ?? 0}`,
    `good ${percent(figures.good)} (${figures.goodput.toFixed(2)}/s): first token within ${good.ttftMs / 1000} s, ${good.itlMs} ms between tokens`,
    `hits ${Number.isNaN(hits) ? 'unknown: no answer tells of cached tokens' : percent(hits)} · prompts of ${tokens(figures.meanContext)} tokens on average · in flight ≤ ${figures.inFlightMax}`,
    row('', ['mean', 'p50', 'p95', 'p99']),
    ...Object.entries(rows).flatMap(([name, spread]) => (spread === undefined ? [] : [row(name, valuesOf(spread))])),
    ...(Object.keys(codes).length === 0 ? [] : [`errors: ${counts(codes)}`]),
    ...Object.entries(uses).flatMap(([name, use]) => (use === undefined ? [] : [`${name}: ${useLine(use, answered)}`])),
    doubts.length === 0 ? 'valid: this machine kept up' : `NOT VALID: ${doubts.join('; ')}`,
  ].join('\n');
}

function valuesOf({ mean, p50, p95, p99 }: Spread): readonly string[] {
  // Of no values there is no mean.
  return [mean, p50, p95, p99].map((value) => (Number.isNaN(mean) ? '–' : value.toFixed(2)));
}

function row(name: string, values: readonly string[]): string {
  return name.padEnd(14) + values.map((value) => value.padStart(10)).join('');
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${(100 * share).toFixed(1)} %`;
}

function tokens(count: number): string {
  return Number.isNaN(count) ? '–' : `${(count / 1000).toFixed(1)}k`;
}

function counts(codes: Readonly<Record<string, number>>): string {
  return Object.entries(codes)
    .toSorted(([, one], [, other]) => other - one)
    .map(([code, count]) => `${code} × ${count}`)
    .join(', ');
}

function useLine({ processes, cpuSeconds, rssMaxBytes }: ProcessUse, answered: number): string {
  const per1000 = answered > 0 ? ` (${((1000 * cpuSeconds) / answered).toFixed(1)} per 1,000 requests)` : '';
  return `${processes} processes, ${cpuSeconds.toFixed(1)} CPU s${per1000}, ≤ ${(rssMaxBytes / 2 ** 20).toFixed(0)} MiB`;
}
