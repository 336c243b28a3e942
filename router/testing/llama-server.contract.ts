import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#shared/testing/child-server.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { Router } from '../service.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';

/** What must hold in front of two of them; `binary` is llama-server, `model` a GGUF file. */
export function llamaServerContract(binary: string, model: string): void {
  describe('two real llama-servers', () => {
    let edge: Edge;
    let engines: ChildProcess[];
    let endpoint: EdgeEndpoint;
    let router: Router;
    let client: OpenAI;

    beforeAll(async () => {
      edge = await startEdge();
      const ports = [await freePort(), await freePort()];
      const flags = ['-m', model, '-t', '1', '--poll', '0', '-np', '2', '--metrics', '--api-key', 'upstream-secret'];
      engines = ports.map((port) => spawn(binary, [...flags, '--port', String(port)], { stdio: 'ignore' }));
      for (const port of ports)
        await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200), {
          timeoutMs: 50_000,
        });
      endpoint = await edge.addEndpoint(ports);
      router = await edge.startRouter();
      client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: endpoint.token, maxRetries: 0 });
    });
    afterAll(async () => {
      await router[Symbol.asyncDispose]();
      for (const engine of engines) if (engine.kill('SIGKILL')) await once(engine, 'exit');
      await edge[Symbol.asyncDispose]();
    });

    const say = (content: string) => ({
      model: 'test-model',
      max_tokens: 4,
      messages: [{ role: 'user' as const, content }],
    });
    const lost = async (): Promise<number> => {
      const text = await (await fetch(`${router.adminUrl}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line.startsWith('fairway_router_lost_attempts_total{'));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };

    it('close after each stream, and 200 streams back to back lose none', async () => {
      for (let turn = 0; turn < 200; turn += 1) {
        const stream = await client.chat.completions.create({ ...say(`turn ${turn % 10}`), stream: true });
        let finish: string | null | undefined;
        for await (const chunk of stream) finish = chunk.choices[0]?.finish_reason ?? finish;
        expect(finish).toMatch(/stop|length/);
      }
      expect(await lost()).toBe(0);
    });

    it('say that a tool is wrong with a 500, which takes nobody out', async () => {
      const wrong = { ...say('x'), tools: [{ type: 'function' }] } as OpenAI.ChatCompletionCreateParamsNonStreaming;
      for (let turn = 0; turn < 3; turn += 1) await expect(client.chat.completions.create(wrong)).rejects.toThrow();
      const startedAt = performance.now();
      await client.chat.completions.create(say('good'));
      expect(performance.now() - startedAt).toBeLessThan(2500);
    });

    it('that are stopped lose their requests to the other one', async () => {
      const [first] = engines;
      first?.kill('SIGSTOP');
      const answers = Array.from({ length: 6 }, (_, at) => client.chat.completions.create(say(`stopped ${at}`)));
      await expect(Promise.all(answers)).resolves.toHaveLength(6);
      first?.kill('SIGCONT');
    });
  });
}
