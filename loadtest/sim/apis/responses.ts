import { isRecord } from '#shared/runtime/is-record.ts';
import { reasoningTokens, textOf, type Answer, type Part, type Rendering, type Tool } from '../model/answer.ts';
import { invalidBody, objectError } from '../model/vllm-errors.ts';
import type { Body, GenerationApi } from './generation-api.ts';
import { calledTools, chatSegments, modelRequest } from './read-request.ts';
import type { ResponseShelf } from './response-shelf.ts';
import { ResponseEvents } from './response-events.ts';

/** `POST /v1/responses` in the shapes of vLLM 0.32, with its store switched on. */
export function responsesApi(shelf: ResponseShelf): GenerationApi {
  return {
    path: '/v1/responses',
    read(body, limits) {
      const turns = [...historyOf(body, shelf), ...inputTurns(body['input'])];
      const tools = toolsOf(body['tools']);
      const instructions = body['instructions'];
      const system = typeof instructions === 'string' ? [{ role: 'system', content: instructions }] : [];
      const effort = isRecord(body['reasoning']) ? (body['reasoning']['effort'] ?? 'none') : 'none';
      return modelRequest(body, limits, {
        prompt: chatSegments([...system, ...turns], tools),
        maxTokens: body['max_output_tokens'],
        reasons: effort !== 'none',
        calls: calledTools(tools, body['tool_choice'], turns),
        schema: schemaOf(body['text']),
        background: body['background'] === true,
        render: (answer) => render(answer, { body, turns, shelf: body['store'] === false ? undefined : shelf }),
      });
    },
  };
}

/** `GET /v1/responses/{id}`. @throws VllmError for an unknown id */
export function keptResponse(shelf: ResponseShelf, id: string): Body {
  return find(shelf, id).body;
}

/** `POST /v1/responses/{id}/cancel`. @throws VllmError for an unknown id, or one that is no background response */
export function cancelResponse(shelf: ResponseShelf, id: string): Body {
  const kept = find(shelf, id);
  const message = 'Cannot cancel a synchronous response.';
  if (kept.cancel === undefined)
    throw objectError({ status: 400, message, type: 'invalid_request_error', param: 'response_id' });
  if (kept.body['status'] === 'queued') {
    kept.cancel();
    kept.body = { ...kept.body, status: 'cancelled' };
  }
  return kept.body;
}

function find(shelf: ResponseShelf, id: string) {
  const kept = shelf.get(id);
  if (kept !== undefined) return kept;
  const message = `Response with id '${id}' not found.`;
  throw objectError({ status: 404, message, type: 'invalid_request_error', param: 'response_id' });
}

function historyOf(body: Body, shelf: ResponseShelf): readonly Body[] {
  const previous = body['previous_response_id'];
  return typeof previous === 'string' ? find(shelf, previous).turns : [];
}

function inputTurns(input: unknown): Body[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }];
  if (!Array.isArray(input)) throw invalidBody('body.input', 'missing', 'Field required');
  return input.filter(isRecord).flatMap((item): Body[] => {
    const { type, role, content } = item;
    if (type === 'function_call') return [{ role: 'assistant', tool_calls: [{ function: item }] }];
    if (type === 'function_call_output') return [{ role: 'tool', content: item['output'] }];
    return role === undefined ? [] : [{ role, content }];
  });
}

function toolsOf(tools: unknown): Tool[] {
  if (!Array.isArray(tools)) return [];
  return tools
    .filter(isRecord)
    .filter(({ type }) => type === 'function')
    .map((tool) => ({ ...tool, name: String(tool['name']), parameters: tool['parameters'] }));
}

function schemaOf(text: unknown): unknown {
  const format = isRecord(text) ? text['format'] : undefined;
  if (!isRecord(format)) return undefined;
  return format['type'] === 'json_object' ? {} : format['schema'];
}

function render(
  answer: Answer,
  { body, turns, shelf }: { body: Body; turns: readonly Body[]; shelf: ResponseShelf | undefined },
): Rendering {
  const id = `resp_${answer.id}`;
  const parts = answer.choices[0]?.parts ?? [];
  let cancel: (() => void) | undefined;
  const response = (status: string): Body => ({ ...wholeResponse(answer, { id, body, parts }), status });
  const keep = (kept: Body): Body => {
    shelf?.keep(id, { body: kept, turns: [...turns, turnOf(parts)], cancel });
    return kept;
  };
  const ended = (): Body => keep(response(answer.choices[0]?.finishReason === 'length' ? 'incomplete' : 'completed'));
  const events = new ResponseEvents(answer.id);
  return {
    opening: () => events.opening({ ...response('in_progress'), output: [], usage: null, incomplete_details: null }),
    token(index) {
      const token = answer.tokens[index];
      return token === undefined ? '' : events.token(token.part, token.at);
    },
    closing: () => events.closing(ended()),
    failure: ({ message }) =>
      events.failure(keep({ ...response('failed'), error: { code: 'server_error', message }, output: [] })),
    whole: ended,
    pending(drop) {
      cancel = drop;
      return keep({ ...response('queued'), output: [], usage: null, incomplete_details: null, background: true });
    },
  };
}

/** The turn that the next response of the conversation finds. */
function turnOf(parts: readonly Part[]): Body {
  const content = parts
    .filter(({ kind }) => kind === 'text')
    .map(textOf)
    .join('');
  const calls = parts.filter(({ kind }) => kind === 'call');
  const tool_calls = calls.map((part) => ({ function: { name: part.call?.name, arguments: textOf(part) } }));
  return { role: 'assistant', content, ...(tool_calls.length > 0 && { tool_calls }) };
}

function wholeResponse(answer: Answer, { id, body, parts }: { id: string; body: Body; parts: readonly Part[] }): Body {
  const cut = answer.choices[0]?.finishReason === 'length';
  return {
    id,
    created_at: answer.created,
    incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
    instructions: body['instructions'] ?? null,
    metadata: body['metadata'] ?? null,
    model: answer.model,
    object: 'response',
    output: parts.map((part) => ResponseEvents.item(answer.id, part)),
    parallel_tool_calls: true,
    temperature: body['temperature'] ?? 1,
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    top_p: 1,
    background: body['background'] === true,
    max_output_tokens: body['max_output_tokens'] ?? null,
    max_tool_calls: null,
    previous_response_id: body['previous_response_id'] ?? null,
    prompt: null,
    reasoning: body['reasoning'] ?? null,
    service_tier: 'auto',
    status: 'completed',
    text: body['text'] ?? null,
    top_logprobs: null,
    truncation: 'disabled',
    usage: usageOf(answer),
    user: body['user'] ?? null,
    presence_penalty: 0,
    frequency_penalty: 0,
    kv_transfer_params: null,
    ec_transfer_params: null,
    input_messages: null,
    output_messages: null,
  };
}

function usageOf(answer: Answer): Body {
  const [input, output] = [answer.promptTokens, answer.tokens.length];
  const perTurn = { input_tokens_per_turn: [], cached_tokens_per_turn: [] };
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: answer.cachedTokens, cache_write_tokens: 0, ...perTurn },
    output_tokens: output,
    output_tokens_details: {
      reasoning_tokens: reasoningTokens(answer),
      tool_output_tokens: 0,
      output_tokens_per_turn: [],
      tool_output_tokens_per_turn: [],
    },
    total_tokens: input + output,
  };
}
