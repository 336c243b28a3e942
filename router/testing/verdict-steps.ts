import { createTestClock } from '#shared/testing/test-clock.ts';
import { eventsOf, frames } from './chat-frames.ts';
import { startForward, type BenchOptions, type Scripts } from './forward-bench.ts';
import type { UpstreamStep } from './memory-upstream.ts';

export const begun: UpstreamStep[] = [{ head: 200 }, { data: frames.role }, { data: frames.text('hi') }];
export const good: UpstreamStep[] = [...begun, { data: frames.finish }, { data: frames.done }, { end: true }];
export const json = 'application/json';
export const answers = (status: number, body: string, headers: Record<string, string> = {}): UpstreamStep[] => [
  { head: status, type: json, headers },
  { data: body },
  { end: true },
];
export const run = (scripts: Scripts, more: Partial<BenchOptions> = {}) => {
  const clock = createTestClock();
  return { clock, ...startForward({ scripts, clock, ...more }) };
};
export const errorIn = (text: string): Record<string, unknown> =>
  (JSON.parse(eventsOf(text).at(-2) ?? text) as { error: Record<string, unknown> }).error;
