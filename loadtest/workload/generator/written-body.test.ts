import { expect, it } from 'vitest';
import { chatCompletions } from '#loadtest/sim/apis/chat-completions.ts';
import { parseBody } from '#loadtest/sim/apis/read-request.ts';
import type { ModelRequest } from '#loadtest/sim/model/answer.ts';
import { tokenId } from '#loadtest/sim/model/tokens.ts';
import { writeChoices } from '#loadtest/sim/model/write-answer.ts';
import { WrittenConversation } from '#loadtest/virtual/written-conversation.ts';
import { Engineer } from '../engineer.ts';
import type { PartKind, PromptPart, Turn } from '../turn.ts';
import { chatCompletions as route } from '../../../router/dialects/openai/routes.ts';
import { prefixHashes, type PromptKeys } from '../../../router/scan/prefix-hash.ts';
import { Scanner } from '../../../router/scan/scanner.ts';
import { WrittenBody, type BodyStyle } from './written-body.ts';

const model = 'simulated';
const limits = { model, maxModelTokens: 262_144, blockTokens: 16 };

it('router and engine find in the body what virtual time says, through compactions and new sessions', () => {
  const engineer = new Engineer(1, 3);
  let version = 0;
  let versions = 0;
  let body = new WrittenBody(style());
  let written = new WrittenConversation(limits.blockTokens);
  let before: ModelRequest | undefined;
  for (let count = 0; count < 80; count += 1) {
    const turn = engineer.next();
    if (turn.version !== version) {
      [version, versions, before] = [turn.version, versions + 1, undefined];
      body = new WrittenBody(style());
      written = new WrittenConversation(limits.blockTokens);
    }
    const bytes = body.take(turn);
    expect(sizesOf(scanned(bytes)), `turn ${count}`).toEqual(sizesOf(written.take(turn).prompt));

    const request = chatCompletions.read(parseBody(bytes.toString(), limits), limits);
    expect(request.prompt.tokens, `turn ${count}`).toBe(turn.promptTokens);
    expect(request.calls).toEqual([]);
    const sharedBlocks = before?.prompt.chain.blocks ?? [];
    // What an engine has cached of the turn before, its answer included, is found again.
    expect(request.prompt.chain.blocks.slice(0, sharedBlocks.length)).toEqual(sharedBlocks);

    const [choice] = writeChoices(request, count);
    const tokens = choice?.parts.flatMap((part) => part.tokens) ?? [];
    expect(choice).toMatchObject({ finishReason: 'stop' });
    expect(tokens).toHaveLength(turn.answer.tokens);
    for (const token of tokens) request.prompt.chain.add(tokenId(token));
    body.heard(tokens.join(''));
    before = request;
    engineer.answered(turn, 0);
  }
  expect(versions).toBeGreaterThan(1);
});

it.each<[what: string, parts: readonly (readonly [PartKind, number])[]]>([
  ['a question alone', [['question', 8000]]],
  [
    'blocks of a trace',
    [
      ['system', 512],
      ['question', 512],
      ['question', 300],
    ],
  ],
])('and without tools: %s', (_what, pieces) => {
  const parts = pieces.map(([kind, tokens], id): PromptPart => ({ id, kind, tokens }));
  const promptTokens = pieces.reduce((sum, [, tokens]) => sum + tokens, 0);
  const answer: PromptPart = { id: 9, kind: 'answer', tokens: 20 };
  const turn: Turn = { session: 'one', version: 1, parts, answer, promptTokens, freshTokens: promptTokens };
  const bytes = new WrittenBody(style()).take(turn);
  expect(sizesOf(scanned(bytes))).toEqual(sizesOf(new WrittenConversation(16).take(turn).prompt));
  expect(chatCompletions.read(parseBody(bytes.toString(), limits), limits).prompt.tokens).toBe(promptTokens);
});

it('asks others than the simulated model for a length in words that they know', () => {
  const turn = new Engineer(1, 3).next();
  const order = (answers: BodyStyle['answers']): object => {
    const body: object = JSON.parse(new WrittenBody({ ...style(), answers }).take(turn).toString());
    const { messages: _messages, tools: _tools, ...rest } = { messages: [], tools: [], ...body };
    return rest;
  };
  const all = { model, stream: true, stream_options: { include_usage: true }, tool_choice: 'none' };
  expect(order('at-most')).toEqual({ ...all, max_tokens: turn.answer.tokens });
  expect(order('exact')).toEqual({ ...all, max_tokens: turn.answer.tokens, ignore_eos: true });
});

function style(): BodyStyle {
  return { model, answers: 'sim', shared: new Map() };
}

function scanned(body: Buffer): PromptKeys {
  const scanner = new Scanner(route.body);
  scanner.write(body);
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  return prefixHashes(scan, { cacheNamespace: '', model });
}

/** What of keys does not depend on how they are hashed. */
function sizesOf({ bytesUpTo, toolsBytes, systemBytes = 0, firstUserEnd }: PromptKeys): unknown {
  return { bytesUpTo: [...bytesUpTo], toolsBytes, systemBytes, firstUserEnd };
}
