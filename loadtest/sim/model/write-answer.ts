import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { AnswerToken, Choice, ModelRequest, Part } from './answer.ts';
import { babble } from './babble.ts';
import { exactText } from './exact-text.ts';
import { sampleJson } from './sample-json.ts';
import { splitTokens } from './tokens.ts';

/** Tokens that are thought aloud at most. */
const thoughtTokens = 24;

/** Writes every choice of an answer: the same request and seed give the same on every machine. */
export function writeChoices(request: ModelRequest, seed: number): Choice[] {
  return Array.from({ length: request.choices }, (_, choice) => writeChoice(request, choice, seed ^ (choice * 0x9e37)));
}

/** The tokens of several choices as an engine makes them: one of each in turn. */
export function inTurns(choices: readonly Choice[]): AnswerToken[] {
  const each = choices.map(({ parts }) => parts.flatMap((part) => part.tokens.map((_, at) => ({ part, at }))));
  const longest = Math.max(...each.map(({ length }) => length));
  return Array.from({ length: longest }, (_, step) => step).flatMap((step) =>
    each.flatMap((tokens) => {
      const token = tokens[step];
      return token === undefined ? [] : [{ ...token, last: step === tokens.length - 1 }];
    }),
  );
}

function writeChoice(request: ModelRequest, choice: number, seed: number): Choice {
  const parts: Part[] = [];
  let left = request.maxTokens;
  const add = (kind: Part['kind'], all: readonly string[], call?: Part['call']): boolean => {
    const tokens = all.slice(0, left);
    left -= tokens.length;
    if (tokens.length > 0) parts.push({ choice, index: parts.length, kind, tokens, call });
    return tokens.length === all.length;
  };
  const end = (finishReason: Choice['finishReason'], stopReason: string | null = null): Choice => ({
    parts,
    finishReason,
    stopReason,
  });
  if (request.reasons) add('reasoning', babble({ seed: ~seed, maxTokens: thoughtTokens }).tokens);
  if (left === 0) return end('length');
  for (const [index, { name, parameters }] of request.calls.entries()) {
    const call = { id: callId(seed + index), name, index };
    if (!add('call', splitTokens(JSON.stringify(sampleJson(parameters, seed + index))), call)) return end('length');
  }
  if (request.calls.length > 0) return end('tool_calls');
  if (request.schema !== undefined) {
    const whole = add('text', splitTokens(JSON.stringify(sampleJson(request.schema, seed))));
    return end(whole ? 'stop' : 'length');
  }
  const { ignoreEnd, stop, ordered } = request;
  if (ordered !== undefined) return end(add('text', splitTokens(exactText({ ...ordered, seed }))) ? 'stop' : 'length');
  const written = babble({ seed, maxTokens: left, ignoreEnd, stop });
  add('text', written.tokens);
  return end(written.finishReason, written.stopReason);
}

/** The spelling of vLLM. */
function callId(seed: number): string {
  const random = seededRandom(seed);
  return `chatcmpl-tool-${Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join('')}`;
}
