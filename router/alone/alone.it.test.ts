import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { readSimConfig } from '#loadtest/sim/config.ts';
import type { ModelServer } from '#loadtest/sim/server/model-server.ts';
import { startSim } from '#loadtest/sim/service.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { startRoute } from './testing/route-command.ts';

const started = endAfterEach();

function startEngine(model: string, { port = 0, key = '' } = {}): Promise<ModelServer> {
  const flags = ['--port', String(port), '--model', model, '--time-scale', '0.01', '--drain-timeout-ms', '0'];
  return started.use(startSim(readSimConfig(flags, { FAIRWAY_SIM_API_KEY: key }), { die: () => {} }));
}

const clientOf = (url: string, apiKey: string): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });

const say = (model: string, content = 'hi') => ({
  model,
  max_tokens: 5,
  messages: [{ role: 'user' as const, content }],
});

async function modelsOf(client: OpenAI): Promise<string[]> {
  return (await client.models.list()).data.map(({ id }) => id).toSorted();
}

describe('npm run route', () => {
  it('serves two engines by one command to an OpenAI client, and says what it found', async () => {
    const engines = [await startEngine('assistant'), await startEngine('assistant')];
    const upstreams = engines.flatMap(({ url }) => ['--upstream', `${url}/v1`]);
    const route = await startRoute(started, [...upstreams, '--model', 'coding']);
    const client = clientOf(route.url, 'sk-anything');
    expect(await modelsOf(client)).toEqual(['assistant', 'coding']);
    for (const { url } of engines) expect(route.said()).toContain(`${url} vLLM, serves assistant`);
    expect(route.said()).toContain(`curl ${route.url}/v1/chat/completions`);
    const streams = Array.from({ length: 8 }, async (_, at) => {
      const stream = await client.chat.completions.create({ ...say('coding', `talk ${at}`), stream: true });
      let finish: string | null | undefined;
      for await (const chunk of stream) finish = chunk.choices[0]?.finish_reason ?? finish;
      return finish;
    });
    expect(await Promise.all(streams)).toEqual(Array.from({ length: 8 }, () => 'length'));
    for (const { url } of engines)
      expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/request_success_total\{[^}]*length[^}]*\} [1-9]/);
    const told = await (await fetch(`${route.adminUrl}/metrics`)).text();
    expect(told).toMatch(/fairway_router_requests_total\{\S*status="200"\S* 8/);
    route.child.kill('SIGINT');
    expect(await route.ended).toBe(0);
  });
});
