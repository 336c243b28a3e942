import { describe, expect, it } from 'vitest';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { frames } from './chat-frames.ts';
import { startForward } from './forward-bench.ts';
import type { UpstreamStep } from './memory-upstream.ts';

/** What users of engines and of other gateways have reported: how an engine answered, and what is right for its client. */
interface Report {
  readonly source: string;
  readonly what: string;
  /** Pieces of the stream, as they came; the body ends cleanly unless `cut`. */
  readonly stream: readonly string[];
  readonly cut?: boolean;
  readonly type?: string;
  /** The client asked for usage. */
  readonly usageAsked?: boolean;
  readonly choices?: number;
  /** The text that the client gets. */
  readonly content: string;
  /** Code or words of the error that it is told; none: a whole answer. */
  readonly error?: string;
  readonly shows?: string;
  readonly hides?: string;
  readonly outputTokens?: number;
  /** What is learned of the replica (default: it answers). */
  readonly replica?: SlotEnd['kind'];
}

const event = (data: object | string, end = '\n\n'): string =>
  `data: ${typeof data === 'string' ? data : JSON.stringify(data)}${end}`;
const choice = (delta: object, more: object = {}, index = 0) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  choices: [{ index, delta, ...more }],
});
const say = (content: string, more: object = { finish_reason: null }): string => event(choice({ content }, more));
const stop = event(choice({}, { finish_reason: 'stop' }));
const { role, done } = frames;
const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
const bytes = (text: string): string[] => text.match(/.{1,7}/gs) ?? [];

const reports: readonly Report[] = [
  {
    source: 'dataelement/Clawith#106',
    what: 'no blank behind data:',
    stream: [(role + say('ab') + stop + done).replaceAll('data: ', 'data:')],
    content: 'ab',
  },
  {
    source: 'sgl-project/genai-bench#159',
    what: 'no blank, in pieces',
    stream: bytes((say('ab') + stop + done).replaceAll('data: ', 'data:')),
    content: 'ab',
  },
  {
    source: 'labring/FastGPT#798',
    what: 'events cut anywhere',
    stream: bytes(role + say('hello') + stop + done),
    content: 'hello',
  },
  {
    source: 'ggml-org/llama.cpp#14268',
    what: 'several events in one piece',
    stream: [role + say('a') + say('b') + stop + done],
    content: 'ab',
  },
  {
    source: 'hey-api/hey-api#3054',
    what: 'CRLF line ends',
    stream: [crlf(role + say('ab') + stop + done)],
    content: 'ab',
  },
  {
    source: 'miruamel/xuan#194',
    what: 'CRLF, cut between CR and LF',
    stream: crlf(say('ab') + stop + done).split(/(?<=\r)/),
    content: 'ab',
  },
  {
    source: 'kubernetes-sigs/inference-perf#781',
    what: 'comments and other fields between',
    stream: [': c\n\nid: 1\nretry: 5\nevent: m\n', say('ab'), ':\n\n', stop, done],
    content: 'ab',
  },
  {
    source: 'alexrudall/ruby-openai#332',
    what: 'data on several lines',
    stream: ['data: {"choices":[{"index":0,\ndata: "delta":{"content":"ab"}}]}\n\n', stop, done],
    content: 'ab',
  },
  {
    source: 'openai/openai-node#2725',
    what: 'the last event without its blank line',
    stream: [say('ab'), stop, 'data: [DONE]'],
    content: 'ab',
  },
  {
    source: 'abetlen/llama-cpp-python#133',
    what: 'a finish and no [DONE]',
    stream: [say('ab'), stop],
    content: 'ab',
    shows: '[DONE]',
  },
  {
    source: 'vllm-project/vllm#27572',
    what: '[DONE] with finish_reason null throughout',
    stream: [role, say('ab'), done],
    content: 'ab',
  },
  {
    source: 'sgl-project/sglang#4550',
    what: 'finish_reason always null, usage null',
    stream: [event({ ...choice({ role: null, content: 'ab' }, { finish_reason: null }), usage: null }), done],
    content: 'ab',
  },
  {
    source: 'vllm-project/vllm#19650',
    what: 'no finish_reason member until the end',
    stream: [say('ab', {}), stop, done],
    content: 'ab',
  },
  {
    source: 'sgl-project/sglang#3912',
    what: 'finish_reason "" beside every token',
    stream: [say('a', { finish_reason: '' }), say('b', { finish_reason: '' }), stop, done],
    content: 'ab',
  },
  {
    source: 'ollama/ollama#4357',
    what: 'finish_reason "", then nothing',
    stream: [say('a', { finish_reason: '' })],
    content: 'a',
    error: 'upstream_disconnected',
    replica: 'left',
  },
  {
    source: 'vllm-project/vllm#35705',
    what: 'content and finish_reason in one event',
    stream: [say('a'), say('b', { finish_reason: 'length' }), done],
    content: 'ab',
  },
  {
    source: 'alfredapp/openai-workflow#52',
    what: 'no finish_reason, usage beside every token',
    stream: [event({ ...choice({ content: 'ab' }), usage }), done],
    content: 'ab',
    outputTokens: 2,
    shows: 'prompt_tokens',
  },
  {
    source: 'NousResearch/hermes-agent#111887',
    what: 'empty events before and amid the content',
    stream: ['data: null\n\n', 'data: {}\n\n', 'data:\n\n', say('ab'), 'data: null\n\n', 'data: \n\n', stop, done],
    content: 'ab',
    hides: 'null\n',
  },
  {
    source: 'waylaidwanderer/node-chatgpt-api#486',
    what: 'an event without choices first',
    stream: [event({ choices: [], prompt_filter_results: [{}] }), say('ab'), stop, done],
    content: 'ab',
    shows: 'prompt_filter_results',
  },
  {
    source: 'diegosouzapw/OmniRoute#3400',
    what: 'events without choices amid the content',
    stream: [say('a'), event({ choices: [] }), say('b'), stop, done],
    content: 'ab',
  },
  {
    source: 'epam/ai-dial-sdk#199',
    what: 'statistics in events without choices',
    stream: [say('a'), event({ choices: [], statistics: { x: 1 } }), say('b'), stop, done],
    content: 'ab',
    shows: 'statistics',
  },
  {
    source: 'Arthur-Ficial/apfel#100',
    what: 'a usage event that nobody asked for',
    stream: [say('ab'), stop, event({ choices: [], usage }), done],
    content: 'ab',
    hides: '"choices":[]',
    outputTokens: 2,
  },
  {
    source: 'onyx-dot-app/onyx#11752',
    what: 'the usage event for those who asked',
    stream: [say('ab'), stop, event({ choices: [], usage }), done],
    usageAsked: true,
    content: 'ab',
    shows: '"usage"',
    outputTokens: 2,
  },
  {
    source: 'ROCm/ATOM#1711',
    what: 'a usage event without choices',
    stream: [say('ab'), stop, event({ id: 'c', usage }), done],
    content: 'ab',
    hides: 'usage',
    outputTokens: 2,
  },
  {
    source: 'ARahim3/mlx-dspark#37',
    what: 'usage in an event with an empty choice',
    stream: [say('ab'), stop, event({ ...choice({}), usage }), done],
    usageAsked: true,
    content: 'ab',
    outputTokens: 2,
  },
  {
    source: 'BerriAI/litellm#17136',
    what: 'usage before the last event, which has no choice',
    stream: [say('ab'), event({ ...choice({}, { finish_reason: 'stop' }), usage }), event({ choices: [] }), done],
    content: 'ab',
    outputTokens: 2,
  },
  {
    source: 'BerriAI/litellm#9657',
    what: 'usage null in every event',
    stream: [event({ ...choice({ content: 'ab' }), usage: null }), stop, event({ choices: [], usage }), done],
    content: 'ab',
    outputTokens: 2,
  },
  {
    source: 'ggml-org/llama.cpp#22081',
    what: 'usage beside every token and at the end, unasked',
    stream: [event({ ...choice({ content: 'ab' }), usage }), stop, event({ choices: [], usage }), done],
    content: 'ab',
    hides: '"choices":[]',
    outputTokens: 2,
  },
  {
    source: 'ggml-org/llama.cpp#16104',
    what: 'an error in a field of its own',
    stream: [say('a'), 'error: {"code":500,"message":"slot gone"}\n\n', done],
    content: 'a',
    error: 'slot gone',
    replica: 'faulted',
  },
  {
    source: 'coddy-project/coddy-agent#106',
    what: 'the same before any content: the client’s mistake',
    stream: ['error: {"code":400,"message":"exceeds the context"}\n\n', done],
    content: '',
    error: 'exceeds the context',
  },
  {
    source: 'ggml-org/llama.cpp#14566',
    what: 'the client’s mistake as the first event of a 200',
    stream: [event({ error: { code: 400, message: 'too long', type: 'exceed_context_size_error' } })],
    content: '',
    error: 'too long',
  },
  {
    source: 'huggingface/huggingface_hub#2514',
    what: 'an error that is a text',
    stream: [say('a'), event({ error: 'inputs too long', error_type: 'validation' })],
    content: 'a',
    error: 'inputs too long',
    replica: 'faulted',
  },
  {
    source: 'Blaizzy/nativ#195',
    what: 'an error text, then [DONE]',
    stream: [say('a'), event({ error: 'not supported' }), done],
    content: 'a',
    error: 'not supported',
    replica: 'faulted',
  },
  {
    source: 'open-octo/octo-agent#910',
    what: 'an error and no [DONE]',
    stream: [say('a'), event({ error: { message: 'quota', type: 'x' } })],
    content: 'a',
    error: 'quota',
    replica: 'faulted',
  },
  {
    source: 'PrimeIntellect-ai/verifiers#2600',
    what: 'an error beside a choice',
    stream: [
      say('a'),
      event({
        id: 'c',
        error: { code: 502, message: 'gone' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      }),
      done,
    ],
    content: 'a',
    error: 'gone',
    replica: 'faulted',
  },
  {
    source: 'apache/rocketmq-dashboard#2178',
    what: 'a busy engine says so in the middle',
    stream: [say('a'), event({ error: { code: 429, message: 'quota exceeded' } }), done],
    content: 'a',
    error: 'quota exceeded',
    replica: 'refused',
  },
  {
    source: 'SamSaffron/term-llm#448',
    what: 'half of a last event',
    stream: [say('ab'), 'data: {"choices":[{"finish_rea'],
    content: 'ab',
    error: 'upstream_disconnected',
    replica: 'left',
    hides: 'finish_rea"',
  },
  {
    source: 'open-webui/open-webui#29697',
    what: 'a connection that ends in the middle',
    stream: [say('ab')],
    cut: true,
    content: 'ab',
    error: 'upstream_disconnected',
    replica: 'failed',
  },
  {
    source: 'anomalyco/opencode#25858',
    what: 'an event that is no JSON',
    stream: [say('a'), 'data: {"id":"x","ch\n\n', say('b'), stop, done],
    content: 'ab',
    shows: '"ch\n',
  },
  {
    source: 'BerriAI/litellm#8450',
    what: 'two choices, one usage event',
    stream: [
      say('a'),
      event(choice({ content: 'b' }, {}, 1)),
      stop,
      event(choice({}, { finish_reason: 'stop' }, 1)),
      event({ choices: [], usage }),
      done,
    ],
    choices: 2,
    content: 'ab',
    outputTokens: 2,
  },
];

function ask(report: Report) {
  const steps: UpstreamStep[] = [
    { head: 200, type: report.type ?? 'text/event-stream; charset=utf-8' },
    ...report.stream.map((data) => ({ data })),
    report.cut === true ? { fail: 'reset' } : { end: true },
  ];
  const { choices = 1, usageAsked = false } = report;
  const options = usageAsked ? { stream_options: { include_usage: true } } : {};
  const body = JSON.stringify({ model: 'test-model', stream: true, n: choices, ...options });
  return startForward({ scripts: { a: steps }, clock: createTestClock(), body });
}

/** As a client reads it: fields of several lines joined, what is no JSON passed over. */
function contentOf(events: readonly string[]): string {
  return events
    .map((one) => {
      const lines = one.split(/\r?\n/).filter((line) => line.startsWith('data:'));
      const data = parseJson(lines.map((line) => line.slice('data:'.length)).join('\n'));
      return /"content":"([^"]*)"/.exec(JSON.stringify(data) ?? '')?.[1] ?? '';
    })
    .join('');
}

describe('public reports', () => {
  it.each(reports)('$source: $what', async (report) => {
    const bench = ask(report);
    const outcome = await bench.outcome;
    const { text } = bench.outgoing;
    const events = text.split(/\r?\n\r?\n/).filter(Boolean);
    const errors = events.filter((one) => one.startsWith('data: {"error"'));
    expect(contentOf(events)).toBe(report.content);
    if (report.error === undefined) expect(errors).toEqual([]);
    else expect(text).toContain(report.error);
    if (report.content !== '') expect(events.at(-1)).toMatch(/^data: ?\[DONE\]$/);
    expect(events.filter((one) => one.includes('[DONE]')).length).toBeLessThanOrEqual(1);
    if (report.shows !== undefined) expect(text).toContain(report.shows);
    if (report.hides !== undefined) expect(text).not.toContain(report.hides);
    if (report.outputTokens !== undefined)
      expect(outcome).toMatchObject({ usage: { completionTokens: report.outputTokens } });
    expect(bench.ends.map(([, { kind }]) => kind)).toEqual([report.replica ?? 'answered']);
  });

  it('are of at least twenty sources, each told once', () => {
    expect(new Set(reports.map(({ source }) => source)).size).toBe(reports.length);
    expect(reports.length).toBeGreaterThan(33);
  });
});
