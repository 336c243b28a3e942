import { completionSpans } from '../scan/span-rules.ts';
import type { Dialect } from './dialect.ts';
import { keepAlive, openAiErrorEnd, readOpenAiFrame } from './openai-frames.ts';
import { findUsage } from './usage.ts';

/** POST /v1/completions. */
export const completions: Dialect = {
  name: 'completions',
  path: '/v1/completions',
  spans: completionSpans,
  readFrame: (frame, opened) =>
    readOpenAiFrame(frame, opened, (choice) => typeof choice['text'] === 'string' && choice['text'] !== ''),
  readUsage: findUsage,
  errorEnd: openAiErrorEnd,
  heartbeat: keepAlive,
};
