import { eventually } from '#shared/testing/eventually.ts';
import { openStreams, type StreamCount } from '#loadtest/workload/open-streams.ts';
import { startTestStack, testModel, type TestStack } from '../test-stack.ts';
import type { StackOptions } from '#loadtest/stack/options.ts';

/** Streams that were opened through every router of a stack, and go on for about the time that was asked for. */
export interface LongStreams {
  count: number;
  /** Those that go on. */
  open(): number;
  frames(): number;
  /** Those that have ended, but not as they should: with every token, its usage and the end mark. */
  truncated(): Readonly<StreamCount>[];
  ended: Promise<void>;
}

const streams = 50;
const timeScale = 10;
/** What a token takes an engine with a dozen streams, milliseconds. */
const tokenMs = 7 * timeScale;

/** A stack with two routers, whose engines are slow enough for streams to outlast what happens to them. */
export function startSlowStack(options: Partial<StackOptions> = {}): Promise<TestStack> {
  return startTestStack({ routers: 2, regionals: 1, timeScale, drainTimeoutMs: 600_000, ...options });
}

/** Opens 50 streams of an endpoint and waits until each has begun. */
export async function openLongStreams(fairway: TestStack, token: string, forMs: number): Promise<LongStreams> {
  const routers = fairway.stack.plan.ports.vpcs[0]?.routers ?? [];
  const urls = Array.from({ length: streams }, (_, at) => `http://127.0.0.1:${routers[at % routers.length]?.port}`);
  const tokens = Math.ceil(forMs / tokenMs);
  const { counts, ended } = openStreams(urls, { token, model: testModel, tokens });
  const begun = (): void => {
    if (!counts.every(({ frames }) => frames > 0)) throw new Error('not every stream has begun');
  };
  await eventually(begun, { timeoutMs: 60_000 });
  const isOpen = ({ done, error }: StreamCount): boolean => !done && error === undefined;
  const isWhole = ({ status, frames, outputTokens, finishReason, done, error }: StreamCount): boolean =>
    status === 200 &&
    error === undefined &&
    done &&
    finishReason === 'length' &&
    outputTokens === tokens &&
    frames === tokens;
  return {
    count: streams,
    open: () => counts.filter(isOpen).length,
    frames: () => counts.reduce((sum, { frames }) => sum + frames, 0),
    truncated: () => counts.filter((count) => !isOpen(count) && !isWhole(count)),
    ended,
  };
}
