import type { AppError } from '#shared/contract/errors.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import { openAiError } from './openai-error.ts';
import type { FrameFacts } from './dialect.ts';
import { findUsage } from './usage.ts';

const choicesKey = Buffer.from('"choices"');
const usageKey = Buffer.from('"usage"');
const finishKey = Buffer.from('"finish_reason"');
const errorKey = Buffer.from('"error"');
const done = Buffer.from('[DONE]');
/** A name that early in a frame is a member of its top-level object, before any choice. */
const headBytes = 512;

/** The comment that all SDKs of 2026 pass over; `event: ping` breaks three of them. */
export const keepAlive = Buffer.from(': keep-alive\n\n');

/** The last event of every stream. */
export const doneFrame = Buffer.from('data: [DONE]\n\n');

/** The error event, then the end, as vLLM does it. */
export function openAiErrorEnd(error: AppError): Buffer {
  return Buffer.concat([Buffer.from(`data: ${JSON.stringify(openAiError(error))}\n\n`), doneFrame]);
}

/** Whether a parsed choice carries anything for the client. */
export type HasContent = (choice: Readonly<Record<string, unknown>>) => boolean;

/** Reads one event of an OpenAI stream. Before the commit point it is parsed; after it names are looked for, no more. */
export function readOpenAiFrame(frame: Buffer, opened: boolean, hasContent: HasContent): FrameFacts {
  const data = dataOf(frame);
  if (data === undefined) return facts('comment');
  if (data.subarray(0, done.length).equals(done)) return facts('done');
  return opened ? readQuickly(data) : readParsed(data, hasContent);
}

function readQuickly(data: Buffer): FrameFacts {
  const finished = hasFinish(data);
  const usage = data.includes(usageKey) ? findUsage(data) : undefined;
  if (isError(data)) return facts('error');
  if (usage !== undefined && hasNoChoice(data)) return { kind: 'usage', finished, usage };
  return { kind: 'content', finished, usage };
}

function readParsed(data: Buffer, hasContent: HasContent): FrameFacts {
  const value = parseJson(data);
  if (!isRecord(value)) return facts('content');
  if (value['error'] !== undefined && value['error'] !== null) return facts('error');
  const choices = Array.isArray(value['choices']) ? value['choices'].filter(isRecord) : [];
  const finished = choices.some((choice) => typeof choice['finish_reason'] === 'string');
  const usage = isRecord(value['usage']) ? findUsage(data) : undefined;
  if (choices.length === 0) return { kind: usage === undefined ? 'opening' : 'usage', finished, usage };
  return { kind: finished || choices.some(hasContent) ? 'content' : 'opening', finished, usage };
}

/** `{"error": …}` with whatever blanks, or the name early in a frame without choices. */
function isError(data: Buffer): boolean {
  const head = data.subarray(0, headBytes);
  return head.includes(errorKey) && !data.includes(choicesKey);
}

function hasNoChoice(data: Buffer): boolean {
  const at = data.indexOf(choicesKey);
  return at < 0 || /^"choices"\s*:\s*\[\s*\]/.test(data.toString('latin1', at, at + 64));
}

function hasFinish(data: Buffer): boolean {
  const at = data.indexOf(finishKey);
  return at >= 0 && /^"finish_reason"\s*:\s*"/.test(data.toString('latin1', at, at + 32));
}

/** The data of an event; undefined when it has none, as comments. Engines put it on one line. */
function dataOf(frame: Buffer): Buffer | undefined {
  let at = 0;
  while (at < frame.length) {
    const end = frame.indexOf(0x0a, at);
    const stop = end < 0 ? frame.length : end;
    if (frame.toString('latin1', at, Math.min(at + 5, stop)) === 'data:') {
      const start = frame[at + 5] === 0x20 ? at + 6 : at + 5;
      return frame.subarray(start, stop);
    }
    at = stop + 1;
  }
  return undefined;
}

function facts(kind: FrameFacts['kind']): FrameFacts {
  return { kind, finished: false, usage: undefined };
}

function parseJson(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString());
  } catch {
    return undefined;
  }
}
