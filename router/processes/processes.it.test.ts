import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { formatToken } from '#shared/runtime/access-token.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { keyedHash } from '#shared/runtime/keyed-hash.ts';
import { accessDocument, poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { pauseProcess } from '#shared/testing/process-signals.ts';
import { skipUnless } from '#shared/testing/skips.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { startRoute } from '../alone/testing/route-command.ts';
import { frames } from '../testing/chat-frames.ts';
import { answerJson, beginStream, startScriptedUpstream, type Script } from '../testing/scripted-upstream.ts';
import { startSteadyLoad } from './testing/steady-load.ts';

const started = endAfterEach();
const run = promisify(execFile);
const models = answerJson(200, { object: 'list', data: [{ id: 'm', object: 'model' }] });

/** A stream of words, a few milliseconds apart. */
const talk =
  (words: number): Script =>
  async (seen) => {
    if (seen.method === 'GET') return models(seen);
    beginStream(seen.response);
    for (let word = 0; word < words; word += 1) {
      seen.response.write(frames.text(`word ${word} `));
      await systemClock.sleep(10);
    }
    seen.response.end(`${frames.finish}${frames.done}`);
  };

async function startTwo(script: Script, env: Readonly<Record<string, string>> = {}) {
  const upstream = await started.use(startScriptedUpstream(script));
  const args = ['--upstream', `http://127.0.0.1:${upstream.port}`, '--processes', '2'];
  const route = await startRoute(started, args, { FAIRWAY_PROPAGATION_MS: '300', ...env });
  const pids = async (): Promise<number[]> =>
    (await run('pgrep', ['-P', String(route.child.pid)])).stdout.trim().split('\n').map(Number);
  const figures = async (name: string): Promise<Record<string, number>> => {
    const text = await (await fetch(`${route.adminUrl}/metrics`)).text();
    const found = text.matchAll(new RegExp(`^${name}\\{process="(\\w+)"\\S* (\\S+)$`, 'gm'));
    return Object.fromEntries([...found].map(([, process = '', value]) => [process, Number(value)]));
  };
  const ready = async (): Promise<number> => (await fetch(`${route.adminUrl}/readyz`)).status;
  await eventually(async () => expect(await ready()).toBe(200));
  return { upstream, route, pids, figures, ready };
}

describe('a router of two processes', () => {
  it('shares requests out, and each knows what the other has under way', async () => {
    const { route, figures } = await startTwo((seen) =>
      seen.method === 'GET' ? models(seen) : beginStream(seen.response),
    );
    const left = new AbortController();
    const ask = () =>
      fetch(`${route.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
        signal: left.signal,
      }).catch(() => undefined);
    const asking: ReturnType<typeof ask>[] = [];
    for (let asked = 1; asked <= 4; asked += 1) {
      asking.push(ask());
      // Of connections that come at once a process that is quicker gets more.
      await eventually(async () => {
        const sums = Object.values(await figures('fairway_router_in_flight_requests'));
        expect(sums.reduce((sum, one) => sum + one, 0)).toBe(asked);
      });
    }
    await eventually(async () => {
      expect(await figures('fairway_router_in_flight_requests')).toEqual({ 1: 2, 2: 2 });
      expect(await figures('fairway_router_cluster_in_flight_requests')).toEqual({ 1: 4, 2: 4 });
    });
    left.abort();
    await Promise.all(asking);
    await eventually(async () =>
      expect(await figures('fairway_router_cluster_in_flight_requests')).toEqual({ 1: 0, 2: 0 }),
    );
  });

  it('exchanges both under load without losing a request, and one that is stopped makes it not ready', async () => {
    const { route, pids, ready } = await startTwo(talk(8));
    const before = await pids();
    const load = startSteadyLoad(route.url, 8);
    started.defer(() => load.stop());
    for (let round = 0; round < 2; round += 1) {
      const old = await pids();
      const whole = load.whole();
      route.child.kill('SIGHUP');
      await eventually(async () => {
        const now = await pids();
        expect(now.filter((pid) => old.includes(pid))).toEqual([]);
        expect(now).toHaveLength(2);
      });
      expect(load.whole()).toBeGreaterThan(whole);
    }
    await load.stop();
    expect(load.errors).toEqual([]);
    expect(load.whole()).toBeGreaterThan(8);
    const [first = 0] = await pids();
    expect(before).not.toContain(first);
    await pauseProcess(first);
    await eventually(async () => expect(await ready()).toBe(503));
    process.kill(first, 'SIGCONT');
    await eventually(async () => expect(await ready()).toBe(200));
  });

  it('has two after an exchange in which an old one has died', async () => {
    const { route, pids } = await startTwo(talk(1));
    const old = await pids();
    route.child.kill('SIGHUP');
    for (const pid of old) process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      const text = await (await fetch(`${route.adminUrl}/metrics`)).text();
      expect(text).toMatch(/^fairway_router_processes_total\{[^}]*what="exchanged"[^}]*\} 2$/m);
    });
    await eventually(async () => expect(await pids()).toHaveLength(2));
  });

  it('starts one that dies again, and counts it; at its end it lets streams end', async () => {
    const { route, pids, figures, upstream } = await startTwo(talk(1));
    const [first = 0] = await pids();
    process.kill(first, 'SIGKILL');
    await eventually(async () => {
      expect(await pids()).not.toContain(first);
      expect(await figures('fairway_router_processes')).toEqual({ primary: 2 });
      expect(await figures('fairway_router_processes_total')).toEqual({ primary: 1 });
    });
    upstream.script = talk(60);
    const load = startSteadyLoad(route.url, 4);
    started.defer(() => load.stop());
    await eventually(() => expect(upstream.seen.filter(({ method }) => method === 'POST').length).toBeGreaterThan(3));
    const stopping = load.stop();
    route.child.kill('SIGTERM');
    await stopping;
    expect([load.errors, load.whole()]).toEqual([[], 4]);
    expect(await route.ended).toBe(0);
  });

  it('is what FAIRWAY_PROCESSES makes of a router of any kind; what is wrong with all is said once, and with one later', async () => {
    const upstream = await started.use(startScriptedUpstream(talk(1)));
    const [folder, hashKey] = [await started.folder('fairway-processes-'), randomBytes(32)];
    const [token, pool] = [
      formatToken('access', randomBytes(24)),
      poolDocument({ replicas: [replicaAt(upstream.port)] }),
    ];
    const access = accessDocument({ ...pool, hashes: [keyedHash(hashKey, token)] });
    const [file, port, adminPort] = [join(folder, 'edge.json'), await freePort(), await freePort()];
    await writeFile(file, JSON.stringify({ access: [access], pools: [pool] }));
    const env = {
      FAIRWAY_EDGE_FILE: file,
      FAIRWAY_VPC_ID: pool.vpcId,
      FAIRWAY_TOKEN_HASH_KEY: hashKey.toString('base64url'),
      FAIRWAY_STATE_DIR: folder,
      FAIRWAY_PROPAGATION_MS: '0',
      FAIRWAY_PROCESSES: '2',
      FAIRWAY_PORT: String(port),
      FAIRWAY_ADMIN_PORT: String(adminPort),
    };
    const start = () => {
      const stdio = ['ignore', 'pipe', 'inherit'] as const;
      return started.child(
        spawn(process.execPath, ['router/main.ts'], { env: { ...process.env, ...env }, stdio: [...stdio] }),
      );
    };
    const router = start();
    let told = '';
    router.stdout?.on('data', (text: Buffer) => (told += text.toString()));
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status).toBe(200));
    const body = JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }] });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const reply = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: 'POST', headers, body });
    expect(await reply.text()).toContain('word 0');
    const second = start();
    let said = '';
    second.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    expect(await once(second, 'exit')).toEqual([1, null]);
    expect(said.split('"service.failed"')).toHaveLength(2);
    expect(said).toContain(`Port ${port} on 127.0.0.1 is taken.`);
    await writeFile(file, 'nothing');
    const { stdout: pids } = await run('pgrep', ['-P', String(router.pid)]);
    process.kill(Number(pids.split('\n')[0]), 'SIGKILL');
    await eventually(() => expect(told).toMatch(/"how":"The list of access and pools in [^\n]*"process.died"/));
    router.kill('SIGTERM');
    expect(await once(router, 'exit')).toEqual([0, null]);
  });

  const linux = skipUnless(process.platform === 'linux', {
    what: 'Linux, for FAIRWAY_REUSE_PORT',
    how: 'run the tests on Linux',
  });
  it('may have a socket each', linux, async () => {
    const port = String(await freePort());
    const { route, figures } = await startTwo(talk(1), { FAIRWAY_REUSE_PORT: '1', FAIRWAY_PORT: port });
    expect(route.url).toContain(port);
    const load = startSteadyLoad(route.url, 8);
    started.defer(() => load.stop());
    await eventually(async () => {
      const sums = Object.values(await figures('fairway_router_requests_total'));
      expect(sums.filter((sum) => sum > 0)).toHaveLength(2);
    });
    await load.stop();
    expect(load.errors).toEqual([]);
  });
});
