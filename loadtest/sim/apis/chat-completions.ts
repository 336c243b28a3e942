import { isRecord } from '#shared/runtime/is-record.ts';
import {
  textOf,
  textOfKind,
  type Answer,
  type AnswerToken,
  type Choice,
  type Rendering,
  type Tool,
} from '../model/answer.ts';
import { invalidBody } from '../model/vllm-errors.ts';
import type { Body, GenerationApi } from './generation-api.ts';
import * as openai from './openai-frames.ts';
import { calledTools, chatSegments, modelRequest } from './read-request.ts';

/** `POST /v1/chat/completions` in the shapes of vLLM 0.32. */
export const chatCompletions: GenerationApi = {
  path: '/v1/chat/completions',
  read(body, limits) {
    const messages: unknown = body['messages'];
    if (!Array.isArray(messages)) throw invalidBody('body.messages', 'missing', 'Field required');
    const tools = toolsOf(body['tools']);
    const choice = isRecord(body['tool_choice']) ? body['tool_choice']['function'] : body['tool_choice'];
    return modelRequest(body, limits, {
      prompt: chatSegments(messages, tools),
      maxTokens: body['max_completion_tokens'] ?? body['max_tokens'],
      choices: body['n'],
      stop: body['stop'],
      reasons: (body['reasoning_effort'] ?? 'none') !== 'none',
      calls: calledTools(tools, choice, messages),
      schema: schemaOf(body['response_format']),
      render: (answer) => render(answer, body),
    });
  },
};

/** The functions among the tools of a request. */
function toolsOf(tools: unknown): Tool[] {
  if (!Array.isArray(tools)) return [];
  return tools
    .map((tool: unknown) => (isRecord(tool) ? tool['function'] : undefined))
    .filter(isRecord)
    .map((tool) => ({ ...tool, name: String(tool['name']), parameters: tool['parameters'] }));
}

function schemaOf(format: unknown): unknown {
  if (!isRecord(format)) return undefined;
  if (format['type'] === 'json_object') return {};
  return isRecord(format['json_schema']) ? format['json_schema']['schema'] : undefined;
}

function render(answer: Answer, body: Body): Rendering {
  const usage = openai.usageAsked(body);
  const top = body['logprobs'] === true ? Number(body['top_logprobs'] ?? 0) : undefined;
  const head = {
    id: `chatcmpl-${answer.id}`,
    object: 'chat.completion.chunk',
    created: answer.created,
    model: answer.model,
  };
  const usageSoFar = (count: number) => (usage.everywhere ? { usage: openai.runningUsage(answer, count) } : {});
  return {
    opening: () =>
      answer.choices
        .map((_, index) => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }))
        .map((choice) =>
          openai.frame({ ...head, choices: [choice], ...usageSoFar(0), prompt_token_ids: null, prompt_text: null }),
        )
        .join(''),
    token(index) {
      const token = answer.tokens[index];
      if (token === undefined) return '';
      const end = token.last ? answer.choices[token.part.choice] : undefined;
      const choice = {
        index: token.part.choice,
        delta: deltaOf(token),
        logprobs: logprobsOf([token], top),
        finish_reason: end?.finishReason ?? null,
        ...(end && { stop_reason: end.stopReason }),
        token_ids: null,
      };
      const last = index === answer.tokens.length - 1;
      const mark = last && !usage.atEnd ? { system_fingerprint: openai.fingerprint } : {};
      return openai.frame({ ...head, choices: [choice], ...usageSoFar(index + 1), ...mark });
    },
    closing: () => (usage.atEnd ? openai.usageFrame(answer, head) : '') + openai.doneFrame,
    failure: openai.failure,
    whole: () => ({
      ...head,
      object: 'chat.completion',
      choices: answer.choices.map((choice, index) =>
        wholeChoice(choice, index, logprobsOf(tokensOf(answer, index), top)),
      ),
      service_tier: null,
      system_fingerprint: openai.fingerprint,
      usage: openai.wholeUsage(answer),
      prompt_logprobs: null,
      prompt_token_ids: null,
      prompt_text: null,
      kv_transfer_params: null,
      ec_transfer_params: null,
      metrics: null,
    }),
  };
}

function deltaOf({ part, at }: AnswerToken): Body {
  const text = part.tokens[at] ?? '';
  if (part.kind === 'text') return { content: text };
  if (part.kind === 'reasoning') return { reasoning: text };
  const { call } = part;
  const opening = at === 0 ? { id: call?.id, type: 'function' } : {};
  const called = { ...(at === 0 && { name: call?.name }), arguments: text };
  return { tool_calls: [{ ...opening, index: call?.index, function: called }] };
}

function wholeChoice(choice: Choice, index: number, logprobs: unknown): Body {
  const calls = choice.parts.flatMap((part) =>
    part.call === undefined
      ? []
      : [{ id: part.call.id, type: 'function', function: { name: part.call.name, arguments: textOf(part) } }],
  );
  const message = {
    role: 'assistant',
    content: textOfKind(choice, 'text') || (calls.length > 0 ? null : ''),
    refusal: null,
    annotations: null,
    audio: null,
    function_call: null,
    ...(calls.length > 0 && { tool_calls: calls }),
    reasoning: textOfKind(choice, 'reasoning') || null,
  };
  const { finishReason: finish_reason, stopReason: stop_reason } = choice;
  return { index, message, logprobs, finish_reason, stop_reason, token_ids: null, routed_experts: null };
}

function tokensOf(answer: Answer, choice: number): readonly AnswerToken[] {
  return answer.tokens.filter(({ part }) => part.choice === choice);
}

function logprobsOf(tokens: readonly AnswerToken[], top: number | undefined): unknown {
  if (top === undefined) return null;
  const entry = (token: string) => ({ token, logprob: openai.logprobOf(token), bytes: [...Buffer.from(token)] });
  const content = tokens
    .map(({ part, at }) => part.tokens[at] ?? '')
    .map((token) => ({ ...entry(token), top_logprobs: openai.alternatives(token, top).map(entry) }));
  return { content };
}
