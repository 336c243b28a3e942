import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Usage } from '../../replicas/usage.ts';
import type { AnswerReader, TakeEvent } from '../dialect.ts';
import { membersOf } from '../json-members.ts';
import { SseFrames, dataOf, isDone, isWhole, startsWith } from '../sse-frames.ts';
import { tellsError } from './errors.ts';
import { findUsage, UsageTally } from './usage.ts';

const choicesKey = Buffer.from('"choices"');
const usageKey = Buffer.from('"usage"');
const finishKey = Buffer.from('"finish_reason"');
const errorKey = Buffer.from('"error"');
/** The field in which llama-server told errors until the end of 2025 (ggml-org/llama.cpp#16104). */
const errorField = Buffer.from('error:');
export const dataField = Buffer.from('data:');
export const nameField = Buffer.from('event:');
/** A name that early in an event is a member of its top-level object, before any choice. */
const headBytes = 512;
/** Longest event of a stream; token ids and log probabilities of long prompts fit. */
export const frameBytesMax = 8 * 1024 * 1024;
const [quote, colon, newline, carriageReturn] = [0x22, 0x3a, 0x0a, 0x0d];
const noFinish = Buffer.from('"finish_reason":null');
/** Members that every event has: an event of nothing else and no choice says nothing. */
const ordinary = new Set(
  'id object created model choices system_fingerprint service_tier usage prompt_token_ids prompt_text'.split(' '),
);

/** Whether a parsed choice carries anything for the client. */
export type HasContent = (choice: Readonly<Record<string, unknown>>) => boolean;

/** What the client has asked for: it sees no more than that of what the router asked for on its own. */
export interface Asked {
  /** Of all prompts together. */
  readonly choices: number;
  /** A list of `/v1/completions` has several. */
  readonly prompts: number;
  readonly usageAtEnd: boolean;
  readonly usageEverywhere: boolean;
}

/**
 * Reads one answer of a route of OpenAI's. Before its first content an event is parsed; after that names are looked for,
 * no more. Usage that only the router asked for is cut out; what else its event carried (llama-server's `timings`) goes
 * into the event before it, where the engine puts it for those who do not ask.
 */
export class OpenAiReader implements AnswerReader {
  readonly #frames = new SseFrames(frameBytesMax);
  readonly #hasContent: HasContent;
  readonly #asked: Asked;
  readonly #tally: UsageTally;
  #opened = false;
  #finishes = 0;
  /** The end of a choice, kept back until the next event. */
  #held: Buffer | undefined;

  constructor(hasContent: HasContent, asked: Asked) {
    this.#hasContent = hasContent;
    this.#asked = asked;
    this.#tally = new UsageTally(asked);
  }

  get finished(): boolean {
    return this.#finishes >= this.#asked.choices;
  }

  get usage(): Usage | undefined {
    return this.#tally.total;
  }

  read(chunk: Buffer, take: TakeEvent): void {
    this.#frames.push(chunk, (frame) => this.#onFrame(frame, take));
  }

  end(take: TakeEvent): void {
    this.#frames.end((frame) => {
      if (isWhole(frame, dataField)) this.#onFrame(frame, take);
    });
    this.flush(take);
  }

  flush(take: TakeEvent): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) take('content', held);
  }

  #onFrame(frame: Buffer, take: TakeEvent): void {
    if (this.#opened && this.#held === undefined && isPlainContent(frame)) return take('content', frame);
    const data = dataOf(frame, dataField);
    if (data === undefined) return this.#onOther(frame, take);
    if (isEmpty(data)) return;
    if (dataOf(frame, nameField)?.toString().trim() === 'error') return this.#onError(data, take);
    if (isDone(data)) {
      this.flush(take);
      return take('done', frame);
    }
    if (this.#opened) this.#readQuickly(frame, data, take);
    else this.#readParsed(frame, data, take);
  }

  #onOther(frame: Buffer, take: TakeEvent): void {
    const error = dataOf(frame, errorField);
    if (error === undefined) return;
    this.#onError(Buffer.from(`{"error":${error.toString()}}`), take);
  }

  #onError(told: Buffer, take: TakeEvent): void {
    this.flush(take);
    take('error', told);
  }

  #readQuickly(frame: Buffer, data: Buffer, take: TakeEvent): void {
    if (isError(data)) return this.#onError(data, take);
    const finishes = countFinishes(data);
    const usage = data.includes(usageKey) ? findUsage(data) : undefined;
    if (usage !== undefined && hasNoChoice(data)) return this.#onUsage(frame, usage, take);
    this.#onContent(frame, { data, finishes, usage }, take);
  }

  #readParsed(frame: Buffer, data: Buffer, take: TakeEvent): void {
    const value = parseJson(data.toString());
    if (tellsError(value)) return this.#onError(data, take);
    const choices = isRecord(value) && Array.isArray(value['choices']) ? value['choices'].filter(isRecord) : [];
    const usage = isRecord(value) && isRecord(value['usage']) ? findUsage(data) : undefined;
    if (usage !== undefined && choices.length === 0) return this.#onUsage(frame, usage, take);
    const finishes = choices.filter(hasFinish).length;
    // What is no event of this API is no begin of an answer: it goes out with the one that is.
    if (finishes === 0 && !choices.some(this.#hasContent)) {
      if (usage !== undefined) this.#tally.beside(choiceOf(data), usage);
      return take('opening', this.#shown(frame, usage));
    }
    this.#opened = true;
    this.#onContent(frame, { data, finishes, usage }, take);
  }

  #onContent(
    frame: Buffer,
    { data, finishes, usage }: { data: Buffer; finishes: number; usage: Usage | undefined },
    take: TakeEvent,
  ): void {
    this.flush(take);
    this.#finishes += finishes;
    if (usage !== undefined) this.#tally.beside(this.#asked.choices > 1 ? choiceOf(data) : '', usage);
    const shown = this.#shown(frame, usage);
    if (finishes > 0 && !this.#asked.usageAtEnd) this.#held = shown;
    else take('content', shown);
  }

  /** An event of token counts alone. */
  #onUsage(frame: Buffer, usage: Usage, take: TakeEvent): void {
    this.#tally.alone(usage);
    if (this.#asked.usageAtEnd) {
      this.flush(take);
      return take('meta', frame);
    }
    const extras = membersOf(String(dataOf(frame, dataField))).filter(({ name }) => !ordinary.has(name));
    if (this.#held !== undefined && extras.length > 0) this.#held = withMembers(this.#held, extras);
    take('meta', undefined);
  }

  /** `continuous_usage_stats` is nothing to an engine without `include_usage`, which the router adds. */
  #shown(frame: Buffer, usage: Usage | undefined): Buffer {
    if (usage === undefined || this.#asked.usageAtEnd || !this.#asked.usageEverywhere) return frame;
    const kept = membersOf(String(dataOf(frame, dataField))).filter(({ name }) => name !== 'usage');
    return eventOf(kept);
  }
}

function withMembers(frame: Buffer, extras: readonly { name: string; text: string }[]): Buffer {
  const own = membersOf(String(dataOf(frame, dataField)));
  return eventOf([...own, ...extras.filter(({ name }) => !own.some((member) => member.name === name))]);
}

function eventOf(members: readonly { text: string }[]): Buffer {
  return Buffer.from(`data: {${members.map(({ text }) => text).join(',')}}\n\n`);
}

/**
 * Nearly every event of a stream: one line of data with choices, no usage, no error and no end of a choice. Looks at each
 * byte once and makes nothing; what it does not know for sure is read with care.
 */
function isPlainContent(frame: Buffer): boolean {
  const end = frame.length - 2;
  if (frame[end] !== newline || frame[end + 1] !== newline || !startsWith(frame, 0, dataField)) return false;
  let hasChoices = false;
  for (let at = dataField.length; at < end; at += 1) {
    const byte = frame[at];
    if (byte === newline || byte === carriageReturn) return false;
    if (byte !== quote) continue;
    if (startsWith(frame, at, usageKey) || startsWith(frame, at, errorKey)) return false;
    if (startsWith(frame, at, finishKey) && !startsWith(frame, at, noFinish)) return false;
    hasChoices ||= startsWith(frame, at, choicesKey);
  }
  return hasChoices;
}

/** Nothing for anybody: consumers that parse every event fail on it. */
export function isEmpty(data: Buffer): boolean {
  return data.length <= 8 && /^\s*(null|\{\s*\}|\[\s*\]|"")?\s*$/.test(data.toString('latin1'));
}

/** `{"error": …}` with whatever blanks, or the name early in an event, before any choice; parsed where there is none. */
function isError(data: Buffer): boolean {
  const choices = data.indexOf(choicesKey);
  if (choices < 0) return tellsError(parseJson(data.toString()));
  const at = data.subarray(0, headBytes).indexOf(errorKey);
  return at >= 0 && at < choices && !/^"error"\s*:\s*(null|false|0|"")/.test(data.toString('latin1', at, at + 24));
}

function hasNoChoice(data: Buffer): boolean {
  const at = data.indexOf(choicesKey);
  return at < 0 || /^"choices"\s*:\s*(\[\s*\]|null)/.test(data.toString('latin1', at, at + 64));
}

/** Finish reasons that say something: `null` and "" (older SGLang and Ollama, beside every token) do not. */
function countFinishes(data: Buffer): number {
  let count = 0;
  for (let at = data.indexOf(finishKey); at >= 0; at = data.indexOf(finishKey, at + 1)) {
    let value = at + finishKey.length;
    while (data[value] === colon || (data[value] ?? 0xff) <= 0x20) value += 1;
    if (data[value] === quote && data[value + 1] !== quote) count += 1;
  }
  return count;
}

function hasFinish(choice: Readonly<Record<string, unknown>>): boolean {
  return typeof choice['finish_reason'] === 'string' && choice['finish_reason'] !== '';
}

/** Which choice an event belongs to, as it is written. */
function choiceOf(data: Buffer): string {
  return /"index"\s*:\s*(\d+)/.exec(data.toString('latin1'))?.[1] ?? '';
}
