import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { readSimConfig } from '#loadtest/sim/config.ts';
import type { ModelServer } from '#loadtest/sim/server/model-server.ts';
import { startSim } from '#loadtest/sim/service.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { createAuthority, issueCertificate } from '#shared/runtime/tls/certificates.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { answerJson, startScriptedUpstream } from '../testing/scripted-upstream.ts';
import { readAloneOptions } from './alone-options.ts';
import { runRoute, startRoute } from './testing/route-command.ts';

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

  it('says of each upstream that is no use why, and takes it in when it is', async () => {
    const locked = await startEngine('locked', { key: 'right' });
    const other = await started.use(startScriptedUpstream(answerJson(404, { detail: 'Not Found' })));
    const port = await freePort();
    const urls = [`http://127.0.0.1:${port}`, locked.url, `http://127.0.0.1:${other.port}/app`];
    const args = [...urls.flatMap((url) => ['--upstream', url]), '--model', 'coding=nothing'];
    const route = await startRoute(started, args, { FAIRWAY_UPSTREAM_KEY: 'wrong' });
    expect(route.said()).toContain(`${urls[0]} nobody listens there; it joins when that is over`);
    expect(route.said()).toContain(`${urls[1]} refuses its key (401): give it another one, see --help`);
    expect(route.said()).toContain(
      `${urls[2]} is no OpenAI-compatible server, or is one below another path: GET /app/v1/models says 404`,
    );
    expect(route.said()).not.toContain('wrong');
    const client = clientOf(route.url, 'any');
    expect(await modelsOf(client)).toEqual([]);
    await startEngine('late', { port });
    await eventually(async () => expect(await modelsOf(client)).toEqual(['late']));
    expect((await client.chat.completions.create(say('late'))).choices[0]?.finish_reason).toBe('length');
    await expect(client.chat.completions.create(say('locked'))).rejects.toMatchObject({ status: 404 });
    const told = await (await fetch(`${route.adminUrl}/readyz`)).text();
    expect(told).toContain('--model coding=nothing: no upstream serves nothing; upstreams serve late.');
  });

  it('speaks to each upstream below its path with its own key, and to none with a client’s', async () => {
    const list = { object: 'list', data: [{ id: 'm', object: 'model' }] };
    const upstream = await started.use(
      startScriptedUpstream((seen) =>
        answerJson(200, seen.method === 'GET' ? list : { id: 'x', object: 'chat.completion', choices: [] })(seen),
      ),
    );
    const args = ['--upstream', `http://:its-own@127.0.0.1:${upstream.port}/some/path/v1`];
    const route = await startRoute(started, args, { FAIRWAY_TOKEN: 'clients-token', FAIRWAY_UPSTREAM_KEY: 'common' });
    expect(route.said()).toContain('unknown engine, serves m');
    await expect(clientOf(route.url, 'x').models.list()).rejects.toMatchObject({ status: 401 });
    await clientOf(route.url, 'clients-token').chat.completions.create(say('m'));
    expect(upstream.seen.find(({ method }) => method === 'POST')).toMatchObject({
      path: '/some/path/v1/chat/completions',
    });
    expect([...new Set(upstream.seen.map(({ headers }) => headers.authorization))]).toEqual(['Bearer its-own']);
    expect(new Set(upstream.seen.map(({ path }) => path))).not.toContain('/metrics');
    expect(route.said()).not.toMatch(/clients-token|its-own|common/);
  });

  it('speaks TLS to upstreams whose authority it knows, and says of others how to make it known', async () => {
    const validity = { now: Date.now(), lifetimeMs: 86_400_000 };
    const authority = await createAuthority('upstreams', validity);
    const server = createServer(await issueCertificate(authority, ['localhost'], validity), (request, response) => {
      response.statusCode = request.url === '/v1/models' ? 200 : 404;
      response.end(JSON.stringify({ object: 'list', data: [{ id: 'm', object: 'model' }] }));
    }).listen(0, '127.0.0.1');
    started.defer(() => server.close());
    await once(server, 'listening');
    const address = server.address();
    const url = `https://localhost:${typeof address === 'object' ? address?.port : ''}`;
    const file = join(await started.folder('fairway-route-'), 'ca.pem');
    await writeFile(file, authority.cert);
    const stranger = await startRoute(started, ['--upstream', url]);
    expect(stranger.said()).toContain('name the file of its CA in NODE_EXTRA_CA_CERTS');
    const friend = await startRoute(started, ['--upstream', url], { NODE_EXTRA_CA_CERTS: file });
    expect(friend.said()).toContain(`${url} unknown engine, serves m`);
    await expect(clientOf(friend.url, 'x').chat.completions.create(say('m'))).rejects.toMatchObject({ status: 404 });
  });

  it('with Redis knows what other routers have under way', async () => {
    const redis = await started.use(startRedisServer());
    const list = { object: 'list', data: [{ id: 'm', object: 'model' }] };
    const silent = await started.use(
      startScriptedUpstream((seen) => (seen.method === 'GET' ? answerJson(200, list)(seen) : undefined)),
    );
    const args = ['--upstream', `http://127.0.0.1:${silent.port}`, '--redis', redis.url];
    const [one, two] = [await startRoute(started, args), await startRoute(started, args)];
    const left = new AbortController();
    const asking = clientOf(one.url, 'x').chat.completions.create(say('m'), { signal: left.signal });
    const underWay = async () => await (await fetch(`${two.adminUrl}/metrics`)).text();
    const line = (count: number) => new RegExp(`^fairway_router_cluster_in_flight_requests\\S* ${count}$`, 'm');
    await eventually(async () => expect(await underWay()).toMatch(line(1)));
    left.abort();
    await expect(asking).rejects.toThrow('aborted');
    await eventually(async () => expect(await underWay()).toMatch(line(0)));
  });

  it('reads upstreams and tokens from files, so that no list of processes shows them', async () => {
    const folder = await started.folder('fairway-route-');
    const [upstreams, tokens] = [join(folder, 'upstreams'), join(folder, 'tokens')];
    await writeFile(upstreams, '# ours\nhttp://:k@gpu-1:8000\n\nhttp://gpu-2:8000 # no key\n');
    await writeFile(tokens, 'sk-one\nsk-two\n');
    const args = ['--upstreams-file', upstreams, '--token-file', tokens, '--host', '0.0.0.0'];
    expect(readAloneOptions(args, {})).toMatchObject({
      upstreams: [
        { url: 'http://gpu-1:8000', key: 'k' },
        { url: 'http://gpu-2:8000', key: '' },
      ],
      tokens: ['sk-one', 'sk-two'],
    });
  });

  it('that cannot start says what, why and what to do, in words', async () => {
    const engine = await startEngine('m');
    const { port } = new URL(engine.url);
    const taken = runRoute(started, ['--upstream', 'http://127.0.0.1:1', '--port', port]);
    expect(await taken.ended).toBe(1);
    expect(taken.said()).toBe(
      `\nFairway could not start.\nPort ${port} on 127.0.0.1 is taken. Stop the process that holds it or choose another port.\n`,
    );
    const help = runRoute(started, ['--help']);
    expect(await help.ended).toBe(0);
    expect(help.said()).toContain('--upstream URL');
  });
});

const { LLAMA_SERVER: binary, LLAMA_MODEL: gguf } = process.env;
if (binary !== undefined && gguf !== undefined)
  describe('npm run route in front of two real llama-servers', () => {
    it('streams from both, and keeps a conversation where its prompt is cached', async () => {
      const ports = [await freePort(), await freePort()];
      const flags = [
        '-m',
        gguf,
        '-t',
        '1',
        '--poll',
        '0',
        '-np',
        '2',
        '--metrics',
        '--alias',
        'tiny',
        '--api-key',
        'k',
      ];
      for (const port of ports) started.child(spawn(binary, [...flags, '--port', String(port)], { stdio: 'ignore' }));
      const args = ports.flatMap((port) => ['--upstream', `http://127.0.0.1:${port}`]);
      const route = await startRoute(started, args, { FAIRWAY_UPSTREAM_KEY: 'k' });
      const client = clientOf(route.url, 'x');
      const settings = { timeoutMs: 50_000 };
      const state = async (): Promise<string> => await (await fetch(`${route.adminUrl}/readyz`)).text();
      await eventually(async () => expect(await state()).toContain('"warnings":[]'), settings);
      expect(await modelsOf(client)).toEqual(['tiny']);
      const seen = { prompt: 0, cached: 0 };
      const talk = async (name: string): Promise<void> => {
        const messages = [{ role: 'user' as const, content: `${name} ${`${name} says much. `.repeat(60)}` }];
        for (let turn = 0; turn < 4; turn += 1) {
          const asked = { ...say('tiny'), messages, stream: true as const, stream_options: { include_usage: true } };
          for await (const { usage } of await client.chat.completions.create(asked)) {
            if (turn > 0) seen.prompt += usage?.prompt_tokens ?? 0;
            if (turn > 0) seen.cached += usage?.prompt_tokens_details?.cached_tokens ?? 0;
          }
          messages.push({ role: 'user', content: `turn ${turn}` });
        }
      };
      await Promise.all(['one', 'two', 'three', 'four'].map(talk));
      expect(seen.prompt).toBeGreaterThan(1000);
      expect(seen.cached / seen.prompt).toBeGreaterThan(0.8);
      for (const port of ports) {
        const headers = { authorization: 'Bearer k' };
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
        expect(text).toMatch(/^llamacpp:tokens_predicted_total [1-9]/m);
      }
    });
  });
