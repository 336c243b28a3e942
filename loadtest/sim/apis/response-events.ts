import { textOf, type Part } from '../model/answer.ts';
import type { Body } from './generation-api.ts';

/** The events of one streamed response, numbered as they are made; vLLM sends no `[DONE]` after them. */
export class ResponseEvents {
  readonly #id: string;
  #next = 0;

  /** `id` is the request's. */
  constructor(id: string) {
    this.#id = id;
  }

  opening(response: Body): string {
    return this.#event('response.created', { response }) + this.#event('response.in_progress', { response });
  }

  token(part: Part, at: number): string {
    const place = { output_index: part.index, item_id: itemId(this.#id, part) };
    const delta = part.tokens[at] ?? '';
    const begins = at === 0 ? this.#begin(part) : '';
    const ends = (): string => (at === part.tokens.length - 1 ? this.#end(part) : '');
    if (part.kind === 'call')
      return begins + this.#event('response.function_call_arguments.delta', { ...place, delta }) + ends();
    const type = part.kind === 'text' ? 'response.output_text.delta' : 'response.reasoning_text.delta';
    const logprobs = part.kind === 'text' ? { logprobs: [] } : {};
    return begins + this.#event(type, { ...place, content_index: 0, delta, ...logprobs }) + ends();
  }

  closing(response: Body): string {
    return this.#event(`response.${String(response['status'])}`, { response });
  }

  failure(response: Body): string {
    return this.#event('response.failed', { response });
  }

  /** A part as an item of the output. */
  static item(id: string, part: Part, status = 'completed'): Body {
    const { kind, call } = part;
    const text = status === 'completed' ? textOf(part) : '';
    const itself = itemId(id, part);
    if (kind === 'call')
      return { arguments: text, call_id: call?.id, name: call?.name, type: 'function_call', id: itself, status };
    const content = status === 'completed' ? [contentOf(part, text)] : [];
    if (kind === 'text') return { id: itself, content, role: 'assistant', status, type: 'message', phase: null };
    return { id: itself, summary: [], type: 'reasoning', content, encrypted_content: null, status };
  }

  #begin(part: Part): string {
    const place = { output_index: part.index };
    const item = ResponseEvents.item(this.#id, part, 'in_progress');
    const added = this.#event('response.output_item.added', { ...place, item });
    if (part.kind === 'call') return added;
    const content = { ...place, item_id: item['id'], content_index: 0, part: contentOf(part, '') };
    return added + this.#event('response.content_part.added', content);
  }

  #end(part: Part): string {
    const text = textOf(part);
    const item = ResponseEvents.item(this.#id, part);
    const place = { output_index: part.index };
    const done = () => this.#event('response.output_item.done', { ...place, item });
    const inItem = { ...place, item_id: item['id'] };
    if (part.kind === 'call') {
      const whole = { ...inItem, arguments: text, name: part.call?.name };
      return this.#event('response.function_call_arguments.done', whole) + done();
    }
    const type = part.kind === 'text' ? 'response.output_text.done' : 'response.reasoning_text.done';
    const whole = this.#event(type, {
      ...inItem,
      content_index: 0,
      text,
      ...(part.kind === 'text' && { logprobs: [] }),
    });
    const content = { ...inItem, content_index: 0, part: contentOf(part, text) };
    return whole + this.#event('response.content_part.done', content) + done();
  }

  #event(type: string, members: Body): string {
    const sequence_number = this.#next;
    this.#next += 1;
    return `event: ${type}\ndata: ${JSON.stringify({ ...members, sequence_number, type })}\n\n`;
  }
}

function itemId(id: string, { kind, index }: Part): string {
  const prefix = { text: 'msg', reasoning: 'rs', call: 'fc' }[kind];
  return `${prefix}_${id}${index === 0 ? '' : `_${index}`}`;
}

function contentOf({ kind }: Part, text: string): Body {
  if (kind === 'reasoning') return { type: 'reasoning_text', text };
  return { annotations: [], text, type: 'output_text', logprobs: null };
}
