import { textOfKind, type Answer, type Rendering } from '../model/answer.ts';
import { badParameter, invalidBody } from '../model/vllm-errors.ts';
import type { Segment } from '../model/tokens.ts';
import type { Body, GenerationApi } from './generation-api.ts';
import * as openai from './openai-frames.ts';
import { modelRequest } from './read-request.ts';

/** Output that vLLM makes of a text that is to be gone on with, unless told. */
const defaultMaxTokens = 16;

/** `POST /v1/completions` in the shapes of vLLM 0.32. */
export const completions: GenerationApi = {
  path: '/v1/completions',
  read: (body, limits) =>
    modelRequest(body, limits, {
      prompt: promptOf(body['prompt']),
      maxTokens: body['max_tokens'],
      defaultMaxTokens,
      choices: body['n'],
      stop: body['stop'],
      render: (answer) => render(answer, body),
    }),
};

function promptOf(prompt: unknown): Segment[] {
  if (prompt === undefined) throw invalidBody('body.prompt', 'missing', 'Field required');
  if (typeof prompt === 'string') return [{ text: prompt }];
  if (!Array.isArray(prompt)) throw invalidBody('body.prompt', 'string_type', 'Input should be a valid string');
  const list: readonly unknown[] = prompt;
  if (list.length === 1 && typeof list[0] === 'string') return [{ text: list[0] }];
  if (list.every((item) => typeof item === 'number')) return list.map((id) => ({ control: String(id) }));
  throw badParameter('prompt', list.length, 'Only one prompt in a request is simulated.');
}

function render(answer: Answer, body: Body): Rendering {
  const usage = openai.usageAsked(body);
  const { created, model } = answer;
  const head = { id: `cmpl-${answer.id}`, object: 'text_completion', created, model };
  const top = typeof body['logprobs'] === 'number' ? body['logprobs'] : undefined;
  return {
    opening: () => '',
    token(index) {
      const token = answer.tokens[index];
      if (token === undefined) return '';
      const { part, at } = token;
      const text = part.tokens[at] ?? '';
      const end = token.last ? answer.choices[part.choice] : undefined;
      const choice = {
        index: part.choice,
        text,
        logprobs: logprobsOf([text], top, part.tokens.slice(0, at).join('').length),
        finish_reason: end?.finishReason ?? null,
        stop_reason: end?.stopReason ?? null,
        prompt_token_ids: null,
        token_ids: null,
      };
      const last = index === answer.tokens.length - 1;
      return openai.frame({
        ...head,
        choices: [choice],
        ...(usage.everywhere && { usage: openai.runningUsage(answer, index + 1) }),
        ...(last && !usage.atEnd && { system_fingerprint: openai.fingerprint }),
      });
    },
    closing: () => (usage.atEnd ? openai.usageFrame(answer, head) : '') + openai.doneFrame,
    failure: openai.failure,
    whole: () => ({
      ...head,
      choices: answer.choices.map((choice, index) => ({
        index,
        text: textOfKind(choice, 'text'),
        logprobs: logprobsOf(choice.parts[0]?.tokens ?? [], top, 0),
        finish_reason: choice.finishReason,
        stop_reason: choice.stopReason,
        token_ids: null,
        prompt_logprobs: null,
        prompt_token_ids: null,
        routed_experts: null,
      })),
      service_tier: null,
      system_fingerprint: openai.fingerprint,
      usage: openai.wholeUsage(answer),
      kv_transfer_params: null,
      ec_transfer_params: null,
      metrics: null,
    }),
  };
}

function logprobsOf(tokens: readonly string[], top: number | undefined, offset: number): unknown {
  if (top === undefined) return null;
  let at = offset;
  const text_offset = tokens.map(({ length }) => (at += length) - length);
  const best = tokens.map((token) =>
    Object.fromEntries(openai.alternatives(token, top).map((one) => [one, openai.logprobOf(one)])),
  );
  return { text_offset, token_logprobs: tokens.map(openai.logprobOf), tokens, top_logprobs: best };
}
