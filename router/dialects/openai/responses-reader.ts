import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Usage } from '../../replicas/usage.ts';
import type { AnswerReader, TakeEvent } from '../dialect.ts';
import { SseFrames, dataOf, isDone, isWhole } from '../sse-frames.ts';
import { dataField, frameBytesMax, isEmpty, nameField } from './answer-reader.ts';
import { tellsError } from './errors.ts';
import { failedEnd, type SeenOfStream } from './responses-end.ts';
import { findUsage } from './usage.ts';

/** Events before any output. */
const openings = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
  'response.content_part.added',
  'response.reasoning_summary_part.added',
]);
/** Items that begin empty; any other one (a call of a tool) is output by itself. */
const emptyItems: readonly unknown[] = ['message', 'reasoning'];
/** The last event of a stream that went well. OpenAI sends nothing after it. */
const ends = new Set(['response.completed', 'response.incomplete']);
const failures = new Set(['response.failed', 'error']);

/**
 * Reads one stream of `/v1/responses`. Events have names, so that after the first content only the last one is looked
 * into, for its usage. Engines that leave the name out (`event:`) say it inside, as `type`.
 */
export class ResponsesReader implements AnswerReader {
  readonly #frames = new SseFrames(frameBytesMax);
  #opened = false;
  #finished = false;
  #usage: Usage | undefined;
  #response: SeenOfStream['response'];
  #failed: Buffer | undefined;
  /** The number that the next event has. */
  #sequence = 0;

  get finished(): boolean {
    return this.#finished;
  }

  get usage(): Usage | undefined {
    return this.#usage;
  }

  read(chunk: Buffer, take: TakeEvent): void {
    this.#frames.push(chunk, (frame) => this.#onFrame(frame, take));
  }

  end(take: TakeEvent): void {
    this.#frames.end((frame) => {
      if (isWhole(frame, dataField)) this.#onFrame(frame, take);
    });
  }

  flush(): void {}

  streamEnd(body: Buffer): Buffer {
    return failedEnd(body, { response: this.#response, sequence: this.#sequence, failed: this.#failed });
  }

  #onFrame(frame: Buffer, take: TakeEvent): void {
    const data = dataOf(frame, dataField);
    // `[DONE]` is no end here: what some engines send behind an error, and others behind the last event.
    if (data === undefined || isEmpty(data) || isDone(data)) return;
    const name = dataOf(frame, nameField)?.toString().trim();
    const value = name === undefined || !this.#opened ? parseJson(data.toString()) : undefined;
    const type = name ?? (isRecord(value) ? value['type'] : undefined);
    if (isRecord(value)) this.#note(value);
    this.#sequence += 1;
    if (type === 'response.failed') this.#failed = frame;
    if (typeof type !== 'string') {
      if (tellsError(value)) return take('error', data);
    } else if (failures.has(type)) return take('error', data);
    else if (ends.has(type)) return this.#onLast(frame, data, take);
    // What is no event of this API is no begin of an answer: it goes out with the one that is.
    if (!this.#opened && (!isRecord(value) || (typeof type === 'string' && isOpening(type, value))))
      return take('opening', frame);
    this.#opened = true;
    take('content', frame);
  }

  /** Of the events before the first output. */
  #note({ sequence_number: sequence, response }: Readonly<Record<string, unknown>>): void {
    if (isRecord(response)) {
      const { id, created_at, model } = response;
      this.#response ??= { id, created_at, model };
    }
    if (typeof sequence === 'number') this.#sequence = sequence;
  }

  /** An answer without any output is one: its last event says so. */
  #onLast(frame: Buffer, data: Buffer, take: TakeEvent): void {
    this.#usage = findUsage(data);
    this.#finished = true;
    if (!this.#opened) take('content', undefined);
    this.#opened = true;
    take('done', frame);
  }
}

function isOpening(type: string, event: Readonly<Record<string, unknown>>): boolean {
  const { item, delta } = event;
  if (type === 'response.output_item.added') return isRecord(item) && emptyItems.includes(item['type']);
  return openings.has(type) || (type.endsWith('.delta') && delta === '');
}
