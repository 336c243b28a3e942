import { chatCompletionSpans } from '../scan/span-rules.ts';
import type { Dialect } from './dialect.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { keepAlive, openAiErrorEnd, readOpenAiFrame, type HasContent } from './openai-frames.ts';
import { findUsage } from './usage.ts';

/** Members of a delta that are content when they are not empty; `reasoning*` as vLLM, SGLang and llama.cpp name it. */
const contentKeys = ['content', 'tool_calls', 'function_call', 'refusal', 'reasoning', 'reasoning_content', 'audio'];

const hasContent: HasContent = (choice) => {
  const delta = choice['delta'];
  return isRecord(delta) && contentKeys.some((key) => isFilled(delta[key]));
};

/** POST /v1/chat/completions. */
export const chatCompletions: Dialect = {
  name: 'chat',
  path: '/v1/chat/completions',
  spans: chatCompletionSpans,
  readFrame: (frame, opened) => readOpenAiFrame(frame, opened, hasContent),
  readUsage: findUsage,
  errorEnd: openAiErrorEnd,
  heartbeat: keepAlive,
};

function isFilled(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false;
  return !Array.isArray(value) || value.length > 0;
}
