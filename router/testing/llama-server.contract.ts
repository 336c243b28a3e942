import { spawn, type ChildProcess } from 'node:child_process';
import OpenAI from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { pauseProcess } from '#shared/testing/process-signals.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';

/** What the profile of llama.cpp says to routers. */
const engine: PoolDocument['engine'] = {
  profile: 'llama-cpp',
  healthPath: '/health',
  metricsPath: '/metrics',
  metrics: { running: 'llamacpp:requests_processing', waiting: 'llamacpp:requests_deferred', kvUse: '' },
  kvTokens: 131_072,
  blockTokens: 16,
  contextTokensMax: 131_072,
  goesOnWithoutClient: true,
};

/** What must hold in front of two of them; `binary` is llama-server, `model` a GGUF file. */
export function llamaServerContract(binary: string, model: string): void {
  describe('two real llama-servers', () => {
    let edge: Edge;
    let ports: number[];
    let engines: ChildProcess[];
    let endpoint: EdgeEndpoint;
    let router: Router;
    let client: OpenAI;

    const started = endAfterAll();
    beforeAll(async () => {
      edge = await started.use(startEdge());
      ports = [await freePort(), await freePort()];
      const flags = ['-m', model, '-t', '1', '--poll', '0', '-np', '2', '--metrics', '--api-key', 'upstream-secret'];
      engines = ports.map((port) =>
        started.child(spawn(binary, [...flags, '--port', String(port)], { stdio: 'ignore' })),
      );
      for (const port of ports)
        await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200), {
          timeoutMs: 50_000,
        });
      endpoint = await edge.addEndpoint(ports);
      endpoint.document = { ...endpoint.document, engine };
      await edge.publish(endpoint);
      router = await started.use(edge.startRouter());
      client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: endpoint.token, maxRetries: 0 });
    });

    const say = (content: string) => ({
      model: 'test-model',
      max_tokens: 4,
      messages: [{ role: 'user' as const, content }],
    });
    const figure = async (name: string): Promise<number> => {
      const text = await (await fetch(`${router.adminUrl}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line.startsWith(`fairway_router_${name}{`));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    const lost = (): Promise<number> => figure('lost_attempts_total');

    it('close after each stream, and 200 streams back to back lose none', async () => {
      for (let turn = 0; turn < 200; turn += 1) {
        const stream = await client.chat.completions.create({ ...say(`turn ${turn % 10}`), stream: true });
        let finish: string | null | undefined;
        for await (const chunk of stream) finish = chunk.choices[0]?.finish_reason ?? finish;
        expect(finish).toMatch(/stop|length/);
      }
      expect(await lost()).toBe(0);
    });

    it('stream responses whole, keep none, and give every prompt of a list its choices', async () => {
      const ask = { model: 'test-model', input: 'a story', max_output_tokens: 4 };
      const final = await client.responses.create(ask);
      const types: string[] = [];
      for await (const event of await client.responses.create({ ...ask, stream: true })) types.push(event.type);
      expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
      await expect(client.responses.retrieve(final.id)).rejects.toMatchObject({ status: 404 });
      await expect(client.responses.retrieve('resp_unknown')).rejects.toMatchObject({ status: 404, code: 'not_found' });
      await expect(client.responses.create({ ...ask, previous_response_id: final.id })).rejects.toMatchObject({
        status: 400,
        message: expect.stringContaining('previous_response_id'),
      });
      const lists = { model: 'test-model', prompt: ['a b', 'c d'], n: 2, max_tokens: 2 };
      const ends = new Map<number, string>();
      for await (const { choices } of await client.completions.create({ ...lists, stream: true }))
        for (const { index, finish_reason: end } of choices) if (end) ends.set(index, end);
      expect([...ends.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
      expect(await lost()).toBe(0);
    });

    it('say that a tool is wrong with a 500, which takes nobody out', async () => {
      const wrong = { ...say('x'), tools: [{ type: 'function' }] } as OpenAI.ChatCompletionCreateParamsNonStreaming;
      for (let turn = 0; turn < 3; turn += 1) await expect(client.chat.completions.create(wrong)).rejects.toThrow();
      const good = client.chat.completions.create(say('good'));
      expect(await ownTimeOf(good)).toBeLessThan(2500);
      await good;
    });

    it('keep a conversation’s prompt in the cache of the one that has it', async () => {
      const seen = { prompt: 0, cached: 0 };
      const talk = async (name: string): Promise<void> => {
        const messages = [{ role: 'user' as const, content: `${name} ${`${name} says much. `.repeat(60)}` }];
        for (let turn = 0; turn < 5; turn += 1) {
          const { usage } = await client.chat.completions.create({ ...say(''), messages });
          if (turn > 0) seen.prompt += usage?.prompt_tokens ?? 0;
          if (turn > 0) seen.cached += usage?.prompt_tokens_details?.cached_tokens ?? 0;
          messages.push({ role: 'user', content: `turn ${turn}` });
        }
      };
      await Promise.all(['one', 'two', 'three', 'four'].map(talk));
      expect(seen.prompt).toBeGreaterThan(1000);
      expect(seen.cached / seen.prompt).toBeGreaterThan(0.8);
    });

    it('go on with a whole answer whose client has left, which keeps its place', async () => {
      const long = { ...say('long'), max_tokens: 1500, ignore_eos: true };
      const stream = await client.chat.completions.create({ ...long, stream: true });
      const reading = (async () => {
        for await (const chunk of stream) if (chunk.choices[0]?.finish_reason) return chunk.choices[0].finish_reason;
        return undefined;
      })();
      const left = new AbortController();
      const answers = [0, 1].map(() => client.chat.completions.create(long, { signal: left.signal }));
      const ends = Promise.allSettled(answers);
      await eventually(async () => expect(await figure('cluster_in_flight_requests')).toBe(3));
      left.abort();
      await ends;
      await eventually(async () => expect(await figure('in_flight_requests')).toBe(1));
      expect(await figure('cluster_in_flight_requests')).toBeGreaterThan(1);
      expect(await reading).toBe('length');
      await eventually(async () => expect(await figure('cluster_in_flight_requests')).toBe(0), { timeoutMs: 30_000 });
    });

    it('that are stopped lose their requests to the other one', async () => {
      const before = await lost();
      const [first] = engines;
      await pauseProcess(first?.pid ?? 0);
      const answers = Array.from({ length: 6 }, (_, at) => client.chat.completions.create(say(`stopped ${at}`)));
      await expect(Promise.all(answers)).resolves.toHaveLength(6);
      first?.kill('SIGCONT');
      expect(await lost()).toBeGreaterThan(before);
    });

    it('that are killed end a stream with an error event, and the other one answers the next', async () => {
      const long = { ...say('x'), max_tokens: 4000, ignore_eos: true };
      const stream = await client.chat.completions.create({ ...long, stream: true });
      // Before its first content a stream would go on with the other one.
      const begun = Promise.withResolvers<void>();
      const reading = (async () => {
        for await (const chunk of stream) if (chunk.choices[0]?.delta.content) begun.resolve();
      })();
      await Promise.race([begun.promise, reading]);
      // The stream's engine is busy all the time; the other one may be for a moment, with what it got while it was stopped.
      const busy = await eventually(async () => {
        const all = await Promise.all(ports.map(isBusy));
        expect(all.filter(Boolean)).toHaveLength(1);
        return all.indexOf(true);
      });
      engines[busy]?.kill('SIGKILL');
      await expect(reading).rejects.toMatchObject({ code: 'upstream_disconnected' });
      for (let turn = 0; turn < 5; turn += 1) await client.chat.completions.create(say(`after ${turn}`));
    });
  });
}

async function isBusy(port: number): Promise<boolean> {
  const headers = { authorization: 'Bearer upstream-secret' };
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  return /^llamacpp:requests_processing [1-9]/m.test(text);
}
