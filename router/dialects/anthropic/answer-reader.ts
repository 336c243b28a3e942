import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { Usage } from '../../replicas/usage.ts';
import type { AnswerReader, TakeEvent } from '../dialect.ts';
import { SseFrames, dataOf, isDone, isWhole } from '../sse-frames.ts';
import { tellsError } from './errors.ts';
import { MessageUsage } from './usage.ts';

const nameField = Buffer.from('event:');
const dataField = Buffer.from('data:');
/** Longest event of a stream. */
const frameBytesMax = 8 * 1024 * 1024;

/** The last event of every stream that went well. */
export const endMark = Buffer.from('event: message_stop\ndata: {"type":"message_stop"}\n\n');

/**
 * Reads one streamed message. Names of events tell what they are; data is parsed until the first content, and after it
 * where counts or a reason to stop stand. `ping` is no progress: it is neither counted nor passed on.
 */
export class MessageReader implements AnswerReader {
  readonly #frames = new SseFrames(frameBytesMax);
  readonly #usage = new MessageUsage();
  #opened = false;
  #finished = false;

  get finished(): boolean {
    return this.#finished;
  }

  get usage(): Usage | undefined {
    return this.#usage.total;
  }

  read(chunk: Buffer, take: TakeEvent): void {
    this.#frames.push(chunk, (frame) => this.#onFrame(frame, take));
  }

  end(take: TakeEvent): void {
    this.#frames.end((frame) => {
      if (isWhole(frame, dataField)) this.#onFrame(frame, take);
    });
  }

  flush(): void {
    // Nothing is kept back: usage stands in events that every client gets.
  }

  #onFrame(frame: Buffer, take: TakeEvent): void {
    const data = dataOf(frame, dataField);
    if (data === undefined || data.length === 0) return;
    const name = dataOf(frame, nameField)?.toString();
    if (name === 'content_block_delta' && this.#opened) return take('content', frame);
    // Engines that speak several APIs may end any stream with it.
    if (isDone(data)) return take('done', endMark);
    const value = parseJson(data.toString());
    // What is no event of this API is no begin of an answer: it goes out with the one that is.
    if (!this.#opened && !isRecord(value) && name !== 'error') return take('opening', frame);
    const event = isRecord(value) ? value : {};
    switch (name ?? event['type']) {
      case 'ping':
        return;
      case 'error':
        return take('error', data);
      case 'message_stop':
        return take('done', frame);
      case 'message_start':
        this.#usage.add(isRecord(event['message']) ? event['message']['usage'] : undefined);
        return take('opening', frame);
      case 'message_delta':
        this.#usage.add(event['usage']);
        this.#finished ||= isRecord(event['delta']) && typeof event['delta']['stop_reason'] === 'string';
        break;
      case 'content_block_start':
        if (!this.#opened && isEmpty(event['content_block'])) return take('opening', frame);
        break;
      case 'content_block_delta':
        if (!this.#opened && isEmpty(event['delta'])) return take('opening', frame);
        break;
      case 'content_block_stop':
        if (!this.#opened) return take('opening', frame);
        break;
      default:
        if (tellsError(value)) return take('error', data);
    }
    this.#opened = true;
    take('content', frame);
  }
}

/** A text or thought of no letters; whatever else a block or a piece of one may be is content. */
function isEmpty(part: unknown): boolean {
  if (!isRecord(part)) return false;
  switch (part['type']) {
    case 'text':
    case 'text_delta':
      return part['text'] === '';
    case 'thinking':
    case 'thinking_delta':
      return part['thinking'] === '';
    default:
      return false;
  }
}
