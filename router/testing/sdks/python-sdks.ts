import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import type { Started } from '#shared/testing/started.ts';
import { messagesBody, seenInMessage } from './anthropic-sdk.ts';
import { ChatChunks, chatBody, responsesBody, seenInChat, seenInResponse } from './openai-sdk.ts';
import type { Asked, Sdk, Seen, Watch } from './sdk.ts';

/** A line of `python_sdks.py`. */
interface Told {
  readonly id: number;
  readonly chunk?: unknown;
  readonly text?: boolean;
  readonly whole?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
  readonly over?: boolean;
}

/** One API as an SDK for Python speaks it: its name there, its body, and how its objects are read. */
interface Spoken {
  readonly sdk: 'chat' | 'responses' | 'messages';
  readonly body: (asked: Asked) => object;
  readonly seenIn: (whole: unknown) => Seen;
}

const chat: Spoken = { sdk: 'chat', body: chatBody, seenIn: (whole) => seenInChat(whole as OpenAI.ChatCompletion) };
const responses: Spoken = {
  sdk: 'responses',
  body: responsesBody,
  seenIn: (whole) => seenInResponse(whole as OpenAI.Responses.Response),
};
const messages: Spoken = {
  sdk: 'messages',
  body: messagesBody,
  seenIn: (whole) => seenInMessage(whole as Anthropic.Message),
};

/** The SDKs for Python, in a process of that Python which ends with the suite. */
export function pythonSdks(python: string, started: Started): Sdk[] {
  const child = new PythonProcess(python, started);
  const features = ['tool', 'schema', 'reasons', 'image', 'leaving'] as const;
  const sdk = (name: string, spoken: Spoken, more: Sdk['features'] = []): Sdk => ({
    name,
    features: [...features, ...more],
    whole: async ({ url, key }, asked, watch) => {
      const request = { sdk: spoken.sdk, how: 'whole', url, key, body: spoken.body(asked) };
      return spoken.seenIn((await child.ask(request, watch)).at(-1)?.whole);
    },
    stream: async ({ url, key }, asked, watch) => {
      const request = { sdk: spoken.sdk, how: 'stream', url, key, body: spoken.body(asked) };
      return seenInStream(spoken, await child.ask(request, watch));
    },
  });
  return [
    sdk('openai for Python', chat, ['logprobs']),
    sdk('openai for Python, responses', responses),
    sdk('anthropic for Python', messages),
  ];
}

function seenInStream({ sdk, seenIn }: Spoken, told: readonly Told[]): Seen {
  const chunks = told.flatMap(({ chunk }) => (chunk === undefined ? [] : [chunk]));
  if (sdk === 'messages') return seenIn(told.at(-1)?.whole);
  if (sdk === 'responses') return seenIn((chunks.at(-1) as OpenAI.Responses.ResponseCompletedEvent).response);
  const seen = new ChatChunks();
  for (const chunk of chunks) seen.add(chunk as OpenAI.ChatCompletionChunk);
  return seen.end();
}

/** Requests to the process, any number at a time. */
class PythonProcess {
  readonly #python: string;
  readonly #started: Started;
  readonly #listeners = new Map<number, (told: Told) => void>();
  #child: ChildProcess | undefined;
  #asked = 0;

  constructor(python: string, started: Started) {
    this.#python = python;
    this.#started = started;
  }

  /** What came until it was over. Rejects with what the SDK raised. */
  ask(request: object, { signal, onText }: Watch): Promise<Told[]> {
    const child = (this.#child ??= this.#start());
    const id = (this.#asked += 1);
    const told: Told[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<Told[]>();
    this.#listeners.set(id, (one) => {
      if (one.over === true) resolve(told);
      else if (one.error !== undefined) reject(Object.assign(new Error(one.error.message), one.error));
      else told.push(one);
      if (one.text === true || /"(content|delta)":"[^"]/.test(JSON.stringify(one.chunk) ?? '')) onText?.();
    });
    const write = (line: object): void => void child.stdin?.write(`${JSON.stringify(line)}\n`);
    write({ id, ...request });
    signal?.addEventListener('abort', () => write({ id, leave: true }), { once: true });
    return promise.finally(() => this.#listeners.delete(id));
  }

  #start(): ChildProcess {
    const script = new URL('python_sdks.py', import.meta.url).pathname;
    const child = this.#started.child(spawn(this.#python, [script], { stdio: ['pipe', 'pipe', 'inherit'] }));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const told = JSON.parse(line) as Told;
      this.#listeners.get(told.id)?.(told);
    });
    return child;
  }
}
