import { Client, type Resource } from '@digitalocean/dots/inference';
import type OpenAI from 'openai';
import { isRecord } from '#shared/runtime/is-record.ts';
import { ChatChunks, chatBody, responsesBody, seenInChat, seenInResponse } from './openai-sdk.ts';
import type { Connection, Sdk, Seen } from './sdk.ts';

function connect({ url, key }: Connection): Client {
  return new Client({ apiKey: key, baseURL: url });
}

/** DigitalOcean's client of its inference API. It never raises on an error in a stream, and cannot be left. */
export const dotsSdks: readonly Sdk[] = [
  {
    name: 'DoTs',
    features: ['tool', 'schema', 'reasons', 'image', 'logprobs'],
    whole: async (to, asked) =>
      seenInChat((await connect(to).chat.completions.create(chatBody(asked))) as OpenAI.ChatCompletion),
    async stream(to, asked, { onText }) {
      const seen = new ChatChunks();
      const told: unknown[] = [];
      for await (const chunk of await streamOf(connect(to).chat.completions, chatBody(asked)))
        if (isRecord(chunk) && 'error' in chunk) told.push(chunk['error']);
        else if (seen.add(chunk as OpenAI.ChatCompletionChunk)) onText?.();
      return { ...seen.end(), ...(told.length > 0 && { told: told[0] }) };
    },
  },
  {
    name: 'DoTs, responses',
    features: ['tool', 'schema', 'reasons', 'image'],
    whole: async (to, asked) =>
      seenInResponse((await connect(to).responses.create(responsesBody(asked))) as OpenAI.Responses.Response),
    async stream(to, asked, { onText }) {
      let seen: Seen = { text: '', reasoning: '', calls: [], finish: undefined, logprobs: [] };
      for await (const event of await streamOf(connect(to).responses, responsesBody(asked))) {
        const { type, response, error } = event as OpenAI.Responses.ResponseCompletedEvent & { error?: unknown };
        const failed: unknown = response?.error ?? error;
        if (String(type) === 'response.output_text.delta') onText?.();
        else if (failed !== undefined && failed !== null) seen = { ...seen, told: failed };
        else if (/^response\.(completed|incomplete)$/.test(type)) seen = seenInResponse(response);
      }
      return seen;
    },
  },
];

async function streamOf(resource: Resource, body: object): Promise<AsyncIterable<unknown>> {
  return (await resource.create({ ...body, stream: true })) as AsyncIterable<unknown>;
}
