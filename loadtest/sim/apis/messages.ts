import { isRecord } from '#shared/runtime/is-record.ts';
import { textOf, type Answer, type Part, type Rendering, type Tool } from '../model/answer.ts';
import { invalidBody, type VllmError } from '../model/vllm-errors.ts';
import type { Body, GenerationApi, ModelLimits } from './generation-api.ts';
import { calledTools, chatSegments, modelRequest } from './read-request.ts';

/** `POST /v1/messages`, Anthropic's API in the shapes of vLLM 0.32. */
export const messages: GenerationApi = {
  path: '/v1/messages',
  read(body, limits) {
    if (body['max_tokens'] === undefined) throw invalidBody('body.max_tokens', 'missing', 'Field required');
    const given: unknown = body['messages'];
    if (!Array.isArray(given)) throw invalidBody('body.messages', 'missing', 'Field required');
    const tools = toolsOf(body['tools']);
    const turns = [...systemTurns(body['system']), ...given.filter(isRecord).flatMap(chatTurns)];
    const choice = isRecord(body['tool_choice']) ? body['tool_choice'] : { type: 'auto' };
    const thinking = isRecord(body['thinking']) ? body['thinking']['type'] : 'disabled';
    return modelRequest(body, limits, {
      prompt: chatSegments(turns, tools),
      maxTokens: body['max_tokens'],
      stop: body['stop_sequences'],
      reasons: thinking === 'enabled' || thinking === 'adaptive',
      calls: calledTools(tools, choice['type'] === 'tool' ? choice : choice['type'], turns),
      schema: schemaOf(body),
      render,
    });
  },
  error: errorBody,
};

/** `POST /v1/messages/count_tokens`. */
export function countTokens(body: Body, limits: ModelLimits): Body {
  const { prompt } = messages.read({ ...body, max_tokens: 1 }, limits);
  return { input_tokens: prompt.tokens, context_management: { original_input_tokens: prompt.tokens } };
}

/** What the edge of vLLM makes of an error on this route. */
function errorBody({ body, message }: VllmError): unknown {
  const error = isRecord(body) && isRecord(body['error']) ? body['error'] : { type: 'internal_error' };
  return { type: 'error', error: { type: error['type'], message } };
}

/** Clients send it back with the thought; nobody checks it. */
const signature = 'simulated';

/** vLLM leaves the block out that Claude Code changes with every request (vllm-project/vllm#36829). */
const billingBlock = 'x-anthropic-billing-header';

function systemTurns(system: unknown): Body[] {
  const blocks = typeof system === 'string' ? [{ type: 'text', text: system }] : system;
  if (!Array.isArray(blocks)) return [];
  const kept = blocks.filter(isRecord).filter(({ text }) => !String(text).startsWith(billingBlock));
  return kept.length > 0 ? [{ role: 'system', content: kept }] : [];
}

/** A turn as chat completions write it: tool results are turns of their own. */
function chatTurns(turn: Body): Body[] {
  const { role, content } = turn;
  if (!Array.isArray(content)) return [{ role, content }];
  const blocks = content.filter(isRecord);
  const calls = blocks
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({
      id,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }));
  const results = blocks
    .filter(({ type }) => type === 'tool_result')
    .map((block) => ({ role: 'tool', tool_call_id: block['tool_use_id'], content: block['content'] }));
  const rest = blocks.filter(({ type }) => type === 'text' || type === 'image');
  const own = { role, content: rest, ...(calls.length > 0 && { tool_calls: calls }) };
  return rest.length > 0 || calls.length > 0 ? [...results, own] : results;
}

function toolsOf(tools: unknown): Tool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isRecord).map(({ name, description, input_schema }) => ({
    name: String(name),
    description,
    parameters: input_schema,
  }));
}

function schemaOf(body: Body): unknown {
  const config = isRecord(body['output_config']) ? body['output_config']['format'] : body['output_format'];
  return isRecord(config) ? config['schema'] : undefined;
}

function render(answer: Answer): Rendering {
  const id = `chatcmpl-${answer.id}`;
  const [choice] = answer.choices;
  const input_tokens = answer.promptTokens;
  const stop_reason = stopReasonOf(answer);
  const usage = () => ({
    input_tokens,
    output_tokens: answer.tokens.length,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: answer.cachedTokens,
  });
  const message = { id, type: 'message', role: 'assistant', content: [] as unknown[], model: answer.model };
  return {
    opening: () =>
      event('message_start', {
        message: { ...message, stop_reason: null, stop_sequence: null, usage: { input_tokens, output_tokens: 0 } },
      }),
    token(index) {
      const token = answer.tokens[index];
      if (token === undefined) return '';
      const { part, at } = token;
      const begins =
        at === 0 ? event('content_block_start', { content_block: openBlock(part), index: part.index }) : '';
      const delta = event('content_block_delta', { delta: deltaOf(part, part.tokens[at] ?? ''), index: part.index });
      if (at < part.tokens.length - 1) return begins + delta;
      const signed = { delta: { type: 'signature_delta', signature }, index: part.index };
      const mark = part.kind === 'reasoning' ? event('content_block_delta', signed) : '';
      return begins + delta + mark + event('content_block_stop', { index: part.index });
    },
    closing: () =>
      event('message_delta', { delta: { stop_reason, stop_sequence: choice?.stopReason ?? null }, usage: usage() }) +
      event('message_stop', {}),
    failure: (error) => event('error', { error: { type: 'internal_error', message: error.message } }),
    whole: () => ({
      ...message,
      content: choice?.parts.map(wholeBlock) ?? [],
      stop_reason,
      ...(choice?.stopReason && { stop_sequence: choice.stopReason }),
      usage: usage(),
    }),
  };
}

function event(type: string, members: Body): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

function stopReasonOf({ choices: [choice] }: Answer): string {
  if (choice?.finishReason === 'tool_calls') return 'tool_use';
  if (choice?.finishReason === 'length') return 'max_tokens';
  return choice?.stopReason ? 'stop_sequence' : 'end_turn';
}

function openBlock({ kind, call }: Part): Body {
  if (kind === 'reasoning') return { type: 'thinking', thinking: '' };
  if (kind === 'text') return { type: 'text', text: '' };
  return { type: 'tool_use', id: call?.id, name: call?.name, input: {} };
}

function deltaOf({ kind }: Part, text: string): Body {
  if (kind === 'reasoning') return { type: 'thinking_delta', thinking: text };
  if (kind === 'text') return { type: 'text_delta', text };
  return { type: 'input_json_delta', partial_json: text };
}

function wholeBlock(part: Part): Body {
  if (part.kind === 'reasoning') return { type: 'thinking', thinking: textOf(part), signature };
  if (part.kind === 'text') return { type: 'text', text: textOf(part) };
  return { type: 'tool_use', id: part.call?.id, name: part.call?.name, input: JSON.parse(textOf(part)) as unknown };
}
