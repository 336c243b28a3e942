import type { Dialect } from '../dialects/dialect.ts';
import { countTokens, messages } from '../dialects/anthropic/routes.ts';
import { openAi } from '../dialects/openai/routes.ts';
import { frames } from './chat-frames.ts';
import { responseEvents } from './responses-frames.ts';

/** How an engine answers in one dialect. */
export interface Voice {
  readonly dialect: Dialect;
  readonly body: object;
  readonly whole: string;
  /** Undefined where nothing is streamed. */
  readonly stream?: {
    /** Head and role. */
    readonly opening: string;
    readonly text: string;
    /** The end of the last choice, where that is not the end mark itself. */
    readonly finish?: string;
    readonly mark: string;
    /** What is no progress. */
    readonly comment: string;
  };
}

const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
const messageUsage = { input_tokens: 9, output_tokens: 2 };
const model = 'test-model';
const said = [{ role: 'user', content: 'hi' }];

function routeOf(name: string): Dialect {
  const found = openAi.routes.find((route) => route.name === name);
  if (found === undefined) throw new Error(`OpenAI's API has no route ${name}`);
  return found;
}

function named(type: string, members: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

function textFrame(text: string, finish: string | null = null): string {
  return `data: ${JSON.stringify({ id: 'cmpl-1', choices: [{ index: 0, text, finish_reason: finish }] })}\n\n`;
}

/** Every route, as an engine speaks on it. */
export function voices(): readonly Voice[] {
  const response = responseEvents('resp_1');
  return [
    {
      dialect: routeOf('chat'),
      body: { model, messages: said, stream_options: { include_usage: true } },
      whole: JSON.stringify({ choices: [{ message: { content: 'hi' } }], usage }),
      stream: {
        opening: frames.role,
        text: frames.text('hi'),
        finish: frames.finish,
        mark: frames.done,
        comment: ': still here\n\n',
      },
    },
    {
      dialect: routeOf('completions'),
      body: { model, prompt: 'hi', stream_options: { include_usage: true } },
      whole: JSON.stringify({ choices: [{ text: 'hi' }], usage }),
      stream: {
        opening: textFrame(''),
        text: textFrame('hi'),
        finish: textFrame('', 'stop'),
        mark: frames.done,
        comment: ':\n\n',
      },
    },
    {
      dialect: routeOf('responses'),
      body: { model, input: 'hi' },
      whole: JSON.stringify({ object: 'response', output: [{ type: 'message' }], usage: messageUsage }),
      stream: {
        opening: response.head() + response.item() + response.part(),
        text: response.text('hi'),
        mark: response.completed(),
        comment: ': still here\n\n',
      },
    },
    {
      dialect: messages,
      body: { model, max_tokens: 5, messages: said },
      whole: JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'hi' }], usage: messageUsage }),
      stream: {
        opening: named('message_start', { message: { id: 'msg_1', content: [], usage: messageUsage } }),
        text: named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'hi' } }),
        finish: named('message_delta', { delta: { stop_reason: 'end_turn' }, usage: messageUsage }),
        mark: named('message_stop'),
        comment: named('ping'),
      },
    },
    { dialect: routeOf('embeddings'), body: { model, input: 'hi' }, whole: JSON.stringify({ data: [{}], usage }) },
    { dialect: countTokens, body: { model, messages: said }, whole: JSON.stringify({ input_tokens: 9 }) },
  ];
}
