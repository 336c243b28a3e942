import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import type { ModelServer } from '../server/model-server.ts';
import { recordedVllm } from '../testing/recorded-vllm.ts';
import { expectShape, frames, key, model, post, start } from '../testing/sim-lab.ts';

const weather = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 7 } },
  required: ['city', 'days'],
};
const question = [{ role: 'user' as const, content: 'Please get_weather for me.' }];
const isWeather = { city: expect.any(String), days: expect.any(Number) };

function client({ url }: ModelServer): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
}

async function json(response: Promise<Response>): Promise<unknown> {
  return (await response).json();
}

describe('chat completions', () => {
  const tools: OpenAI.ChatCompletionTool[] = [
    { type: 'function', function: { name: 'get_weather', parameters: weather } },
  ];
  const ask = { model, messages: question };

  it('calls a tool that the user names, the same streamed and whole, and then answers in text', async () => {
    const { chat } = client(await start());
    const whole = await chat.completions.create({ ...ask, tools });
    const stream = chat.completions.stream({ ...ask, tools });
    const streamed = await stream.finalChatCompletion();
    for (const { choices } of [whole, streamed]) {
      const [call] = choices[0]?.message.tool_calls ?? [];
      expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls' });
      expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toEqual(isWeather);
    }
    expect(streamed.choices[0]?.message.tool_calls).toEqual(whole.choices[0]?.message.tool_calls);
    const [call] = whole.choices[0]?.message.tool_calls ?? [];
    const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'sunny' };
    const next = await chat.completions.create({
      ...ask,
      tools,
      messages: [...question, whole.choices[0]?.message ?? result, result],
    });
    expect(next.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: expect.stringMatching(/./) } });
  });

  it.each([
    ['none', 'stop'],
    ['required', 'tool_calls'],
    [{ type: 'function', function: { name: 'get_weather' } }, 'tool_calls'],
  ])('obeys tool_choice %j', async (tool_choice, reason) => {
    const body = { ...ask, tools, tool_choice };
    expect(await json(post(await start(), body))).toMatchObject({ choices: [{ finish_reason: reason }] });
  });

  it('thinks aloud when asked to, and its counts say so', async () => {
    const server = await start();
    const body = { ...ask, reasoning_effort: 'low', max_tokens: 40 };
    expect(await json(post(server, body))).toMatchObject({
      choices: [{ message: { reasoning: expect.stringMatching(/^This is/), content: expect.stringMatching(/./) } }],
      usage: { completion_tokens_details: { reasoning_tokens: 24 } },
    });
    const events = await frames(await post(server, { ...body, stream: true }));
    expect(events.filter((event) => event.includes('"delta":{"reasoning":'))).toHaveLength(24);
  });

  it('answers in the form of a schema', async () => {
    const json_schema = { name: 'weather', schema: weather };
    const { chat } = client(await start());
    const answer = await chat.completions.create({ ...ask, response_format: { type: 'json_schema', json_schema } });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual(isWeather);
  });

  it('gives several choices, each its own, and counts them together', async () => {
    const { chat } = client(await start());
    const whole = await chat.completions.create({ ...ask, n: 3, max_tokens: 30 });
    expect(new Set(whole.choices.map(({ message }) => message.content)).size).toBe(3);
    expect(whole.usage?.completion_tokens).toBeGreaterThan(60);
    const texts = ['', '', ''];
    const ends: number[] = [];
    for await (const { choices } of await chat.completions.create({ ...ask, n: 3, max_tokens: 30, stream: true }))
      for (const { index, delta, finish_reason } of choices) {
        texts[index] += delta.content ?? '';
        if (finish_reason !== null) ends.push(index);
      }
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
    expect(ends.toSorted((one, other) => one - other)).toEqual([0, 1, 2]);
  });

  it('answers at the length that is ordered in vLLM’s place for extensions, within the request’s bound', async () => {
    const server = await start();
    const asking = (extra: object) =>
      post(server, { ...ask, messages: [{ role: 'user', content: 'Go on.' }], ...extra });
    const order = { vllm_xargs: { answer_tokens: 300, answer_bytes: 1234 } };
    const whole = await json(asking(order));
    expect(whole).toMatchObject({ usage: { completion_tokens: 300 }, choices: [{ finish_reason: 'stop' }] });
    const [choice] = (whole as OpenAI.ChatCompletion).choices;
    expect(choice?.message.content).toHaveLength(1234);
    const cut = await json(asking({ ...order, max_tokens: 20 }));
    expect(cut).toMatchObject({ usage: { completion_tokens: 20 }, choices: [{ finish_reason: 'length' }] });
    for (const tokens of ['many', 1e12])
      expect((await asking({ vllm_xargs: { answer_tokens: tokens, answer_bytes: 1 } })).status).toBe(400);
  });

  it('tells log-probabilities', async () => {
    const openai = client(await start());
    const asked = { ...ask, logprobs: true, top_logprobs: 2, max_tokens: 3 };
    const { choices } = await openai.chat.completions.create(asked);
    const content = choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join('')).toBe(choices[0]?.message.content);
    expect(content.map(({ top_logprobs }) => top_logprobs.length)).toEqual([2, 2, 2]);
    const seen = [];
    for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true }))
      seen.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    expect(seen).toEqual(content);
    const text = await openai.completions.create({ model, prompt: 'Once', logprobs: 1, max_tokens: 3 });
    expect(text.choices[0]?.logprobs).toMatchObject({ text_offset: [0, 4, 7], tokens: ['This', ' is', ' a'] });
  });
});

describe('messages', () => {
  const path = '/v1/messages';
  const ask = { model, max_tokens: 4, messages: [{ role: 'user', content: 'The capital of France is' }] };

  it('has the shapes of the recording', async () => {
    const server = await start();
    expectShape(await (await post(server, ask, { path })).text(), recordedVllm.message);
    const events = await frames(await post(server, { ...ask, stream: true }, { path }));
    const [first, second, delta, stop, end, last] = recordedVllm.messageStream;
    const expected = [first, second, delta, delta, delta, delta, stop, end, last];
    expect(events).toHaveLength(expected.length);
    for (const [index, recorded] of expected.entries()) expectShape(events[index], recorded ?? '');
  });

  it('thinks, calls tools and fits a schema', async () => {
    const server = await start();
    const tools = [{ name: 'get_weather', input_schema: weather }];
    const calling = { ...ask, max_tokens: 400, messages: question, tools, thinking: { type: 'enabled' } };
    expect(await json(post(server, calling, { path }))).toMatchObject({
      stop_reason: 'tool_use',
      content: [
        { type: 'thinking', thinking: expect.any(String), signature: expect.any(String) },
        { type: 'tool_use', name: 'get_weather', input: isWeather },
      ],
    });
    const kinds = (await frames(await post(server, { ...calling, stream: true }, { path }))).map(
      (event) => /"delta":\{"type":"(\w+)"/.exec(event.split('data: ')[1] ?? '')?.[1] ?? event.split('\n')[0],
    );
    expect(new Set(kinds)).toContain('input_json_delta');
    expect(kinds.filter((kind) => kind === 'signature_delta')).toHaveLength(1);
    const formed = { ...ask, max_tokens: 400, output_config: { format: { type: 'json_schema', schema: weather } } };
    const answer = (await json(post(server, formed, { path }))) as { content: [{ text: string }] };
    expect(JSON.parse(answer.content[0].text)).toEqual(isWeather);
  });

  it('counts tokens as it will charge them, and not the block of Claude Code that changes', async () => {
    const server = await start();
    const counted = async (system: string): Promise<unknown> => {
      const body = {
        ...ask,
        system: [
          { type: 'text', text: system },
          { type: 'text', text: 'Be brief.' },
        ],
      };
      const { usage } = (await json(post(server, body, { path }))) as { usage: { input_tokens: number } };
      expect(await json(post(server, body, { path: `${path}/count_tokens` }))).toMatchObject({
        input_tokens: usage.input_tokens,
      });
      return usage.input_tokens;
    };
    expect(await counted('x-anthropic-billing-header: cch=1;')).toBeLessThan(
      (await counted('Something else.')) as number,
    );
  });

  it('refuses in the shape of the API', async () => {
    const refused = await post(await start(), { ...ask, model: 'other' }, { path });
    expect([refused.status, await refused.json()]).toEqual([
      404,
      { type: 'error', error: { type: 'NotFoundError', message: expect.stringContaining('`other`') } },
    ]);
  });
});

describe('responses', () => {
  const path = '/v1/responses';

  it('has the shape of the recording', async () => {
    const body = { model, input: 'The capital of France is', max_output_tokens: 4, tool_choice: 'none' };
    expectShape(await (await post(await start(), body, { path })).text(), recordedVllm.response);
  });

  it('streams events that the client puts together again', async () => {
    const { responses } = client(await start());
    const tools = [{ type: 'function' as const, name: 'get_weather', parameters: weather, strict: false }];
    const input = { model, input: question, tools, reasoning: { effort: 'low' as const } };
    const stream = responses.stream(input);
    const numbers: number[] = [];
    for await (const event of stream) numbers.push(event.sequence_number);
    expect(numbers).toEqual(numbers.map((_, index) => index));
    const final = await stream.finalResponse();
    expect(final.output).toMatchObject([
      { type: 'reasoning', content: [{ type: 'reasoning_text' }] },
      { type: 'function_call', name: 'get_weather', status: 'completed' },
    ]);
    const whole = await responses.create(input);
    expect(final.output.at(-1)).toMatchObject({ arguments: (whole.output.at(-1) as { arguments: string }).arguments });
  });

  it('keeps a response, goes on from it, and keeps nothing when told so', async () => {
    const { responses } = client(await start());
    const first = await responses.create({ model, input: 'One.', max_output_tokens: 20 });
    expect((await responses.retrieve(first.id)).output).toEqual(first.output);
    const next = await responses.create({
      model,
      input: 'Two.',
      previous_response_id: first.id,
      max_output_tokens: 20,
    });
    expect(next.usage?.input_tokens).toBeGreaterThan((first.usage?.input_tokens ?? 0) + 20);
    expect(next.usage?.input_tokens_details.cached_tokens).toBeGreaterThan(0);
    const gone = await responses.create({ model, input: 'Three.', store: false });
    await expect(responses.retrieve(gone.id)).rejects.toMatchObject({ status: 404 });
    await expect(responses.cancel(first.id)).rejects.toMatchObject({ status: 400 });
  });

  it('runs in the background until it is done or cancelled', async () => {
    const server = await start();
    const { responses } = client(server);
    const queued = await responses.create({ model, input: 'One.', background: true, max_output_tokens: 20 });
    expect(queued.status).toBe('queued');
    await eventually(async () => expect((await responses.retrieve(queued.id)).output_text).toMatch(/^This is/));
    const long = { max_output_tokens: 4000, ignore_eos: true };
    const body = { model, input: 'Two.', background: true, ...long };
    const { id } = (await json(post(server, body, { path }))) as { id: string };
    expect(server.desk.open).toBe(1);
    expect((await responses.cancel(id)).status).toBe('cancelled');
    expect(server.desk.open).toBe(0);
  });
});

describe('embeddings', () => {
  it('gives each input a vector, the same as numbers and as base64', async () => {
    const { embeddings } = client(await start());
    const asked = { model, input: ['one', 'two'], dimensions: 8 };
    const floats = await embeddings.create({ ...asked, encoding_format: 'float' });
    const packed = await embeddings.create(asked);
    expect(floats.data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
    for (const [index, { embedding }] of floats.data.entries())
      for (const [at, value] of embedding.entries()) expect(packed.data[index]?.embedding[at]).toBeCloseTo(value, 6);
    expect(floats.data[0]?.embedding).not.toEqual(floats.data[1]?.embedding);
    expect(floats.usage.prompt_tokens).toBe(2);
  });
});
