import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { recordedVllm } from '../testing/recorded-vllm.ts';

const key = 'sk-test';
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
const started = endAfterEach();

interface Sim {
  readonly url: string;
  readonly child: ChildProcess;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<unknown>;
}

/** A replica in a process of its own, as the stack runs it. */
async function start(flags: readonly string[] = [], env: Record<string, string> = {}): Promise<Sim> {
  const port = await freePort();
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const child = started.child(
    spawn(process.execPath, [main, `--port=${port}`, ...flags], {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...process.env, FAIRWAY_SIM_API_KEY: key, ...env },
    }),
  );
  const ended = once(child, 'exit').then(([code, signal]: unknown[]) => code ?? signal);
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => expect((await fetch(`${url}/health`)).status).toBe(200));
  return { url, child, ended };
}

async function setFaults({ url }: Sim, ...faults: unknown[]): Promise<void> {
  const response = await fetch(`${url}/fairway/faults`, { method: 'POST', headers, body: JSON.stringify({ faults }) });
  expect(response.status).toBe(200);
}

function complete({ url }: Sim, body: Record<string, unknown> = {}, signal?: AbortSignal): Promise<Response> {
  const chat = { max_tokens: 40, ignore_eos: true, stream: true, messages: [{ role: 'user', content: 'Go on.' }] };
  const text = JSON.stringify({ ...chat, ...body });
  return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: text, ...(signal ? { signal } : {}) });
}

/** What a client got, and whether the body ended as it should. */
async function read(response: Response): Promise<{ frames: string[]; whole: boolean }> {
  let text = '';
  try {
    for await (const piece of response.body ?? []) text += Buffer.from(piece).toString();
  } catch {
    return { frames: text.split('\n\n').filter(Boolean), whole: false };
  }
  return { frames: text.split('\n\n').filter(Boolean), whole: true };
}

async function metric({ url }: Sim, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

const roleFrames = 1;

describe('faults of one request', () => {
  it('strike as often as asked, and show what is left of them', async () => {
    const sim = await start();
    await setFaults(sim, { kind: 'status', status: 502, count: 2 });
    expect([(await complete(sim)).status, (await complete(sim)).status]).toEqual([502, 502]);
    expect(await (await fetch(`${sim.url}/fairway/faults`, { headers })).json()).toMatchObject({
      faults: [{ count: 0 }],
    });
    expect((await read(await complete(sim))).frames.at(-1)).toBe('data: [DONE]');
  });

  it('truncate: cut, reset, or ended as if complete', async () => {
    const sim = await start();
    await setFaults(sim, { kind: 'truncate', afterTokens: 5 });
    const cut = await read(await complete(sim));
    expect([cut.whole, cut.frames.length]).toEqual([false, roleFrames + 5]);
    await setFaults(sim, { kind: 'truncate', afterTokens: 5, ending: 'reset' });
    expect((await read(await complete(sim))).whole).toBe(false);
    await setFaults(sim, { kind: 'truncate', afterTokens: 0, ending: 'end' });
    expect(await read(await complete(sim))).toEqual({ frames: [], whole: true });
    expect(await metric(sim, 'vllm:num_requests_running')).toBe(0);
  });

  it('error-frame: then [DONE], and the engine lives on', async () => {
    const sim = await start();
    await setFaults(sim, { kind: 'error-frame', afterTokens: 3, count: 1 });
    const { frames, whole } = await read(await complete(sim));
    expect([frames.slice(roleFrames + 3), whole]).toEqual([[recordedVllm.engineDeadFrame, 'data: [DONE]'], true]);
    await setFaults(sim, { kind: 'error-frame', afterTokens: 3, count: 1 });
    expect((await complete(sim, { stream: false })).status).toBe(500);
    expect((await fetch(`${sim.url}/health`)).status).toBe(200);
  });

  it('hang and stall: nothing comes, the connection stays open', async () => {
    const sim = await start();
    await setFaults(sim, { kind: 'hang' });
    await expect(complete(sim, {}, AbortSignal.timeout(300))).rejects.toThrow(/timeout/);
    await setFaults(sim, { kind: 'stall', afterTokens: 2 });
    const { frames, whole } = await read(await complete(sim, {}, AbortSignal.timeout(3000)));
    expect([frames.length, whole]).toEqual([roleFrames + 2, false]);
  });

  it('are refused with a sentence when they do not exist, and without the key', async () => {
    const { url } = await start();
    const body = '[{"kind":"explode"}]';
    const unknown = await fetch(`${url}/fairway/faults`, { method: 'POST', headers, body });
    expect([unknown.status, await unknown.text()]).toEqual([400, expect.stringContaining('Kinds: slow, hang')]);
    expect((await fetch(`${url}/fairway/faults`, { method: 'POST', body })).status).toBe(401);
  });
});

describe('faults of the engine', () => {
  it('slow: the whole engine takes so many times as long', async () => {
    const sim = await start();
    const timed = async (): Promise<number> => {
      const before = performance.now();
      await read(await complete(sim, { max_tokens: 20 }));
      return performance.now() - before;
    };
    await setFaults(sim, { kind: 'slow', factor: 10 });
    const slow = await timed();
    await setFaults(sim);
    // A busy machine may slow some of these down, too; one that it lets run tells.
    await eventually(async () => expect(slow).toBeGreaterThan(4 * (await timed())));
  });

  it('die: the process is gone in mid-stream', async () => {
    const sim = await start();
    await setFaults(sim, { kind: 'die', afterTokens: 4 });
    const { frames, whole } = await read(await complete(sim));
    expect([frames.length, whole, await sim.ended]).toEqual([roleFrames + 4, false, 'SIGKILL']);
  });

  it('engine-death: every stream gets the frame and [DONE], then health is 503, then nobody is there', async () => {
    const sim = await start();
    const bystander = await complete(sim, { max_tokens: 4000 });
    await setFaults(sim, { kind: 'engine-death', afterTokens: 3 });
    const last = [recordedVllm.engineDeadFrame, 'data: [DONE]'];
    expect((await read(await complete(sim))).frames.slice(-2)).toEqual(last);
    expect((await read(bystander)).frames.slice(-2)).toEqual(last);
    expect((await fetch(`${sim.url}/health`)).status).toBe(503);
    expect((await complete(sim)).status).toBe(500);
    expect(await sim.ended).toBe('SIGKILL');
  });
});

describe('a client that goes away', () => {
  it.each([true, false])('frees its slot within 100 ms (stream: %s)', async (stream) => {
    const sim = await start();
    const waits: number[] = [];
    // The best of three, without stolen time: what is measured is the server, not how busy the machine is.
    for (let round = 0; round < 3; round += 1) {
      const leave = new AbortController();
      const gone = complete(sim, { max_tokens: 4000, stream }, leave.signal)
        .then(read)
        .catch(() => undefined);
      await eventually(async () => expect(await metric(sim, 'vllm:num_requests_running')).toBe(1));
      leave.abort();
      waits.push(
        await ownTimeOf(
          eventually(async () => expect(await metric(sim, 'vllm:num_requests_running')).toBe(0), { everyMs: 5 }),
        ),
      );
      expect(await metric(sim, 'vllm:kv_cache_usage_perc')).toBe(0);
      await gone;
    }
    expect(Math.min(...waits)).toBeLessThan(100);
  });
});

describe('SIGTERM', () => {
  it('lets running streams end, refuses new ones and is not healthy meanwhile', async () => {
    const sim = await start();
    const running = await complete(sim, { max_tokens: 150 });
    sim.child.kill('SIGTERM');
    await eventually(async () => expect((await fetch(`${sim.url}/health`)).status).toBe(503));
    expect((await complete(sim)).status).toBe(503);
    const { frames, whole } = await read(running);
    expect([frames.at(-1), frames.length, whole]).toEqual(['data: [DONE]', roleFrames + 150 + 1, true]);
    expect(await sim.ended).toBe(0);
  });

  it('cuts what is left after the drain time', async () => {
    const sim = await start(['--drain-timeout-ms=200']);
    const running = await complete(sim, { max_tokens: 4000 });
    sim.child.kill('SIGTERM');
    expect((await read(running)).whole).toBe(false);
    expect(await sim.ended).toBe(0);
  });

  it('stall-on-term: streams stall, health stays 200, new requests get 500, until the drain time is over', async () => {
    const sim = await start(['--drain-timeout-ms=1500'], { FAIRWAY_SIM_FAULTS: '[{"kind":"stall-on-term"}]' });
    const running = read(await complete(sim, { max_tokens: 4000 }));
    await eventually(async () => expect(await metric(sim, 'vllm:generation_tokens_total')).toBeGreaterThan(3));
    sim.child.kill('SIGTERM');
    await eventually(async () => expect((await complete(sim)).status).toBe(500));
    expect((await fetch(`${sim.url}/health`)).status).toBe(200);
    const { frames, whole } = await running;
    expect([whole, frames.at(-1)]).toEqual([false, expect.stringContaining('"content"')]);
    expect(frames.length).toBeLessThan(200);
    expect(await sim.ended).toBe(0);
  });

  it('ends when standard input ends, if asked to', async () => {
    const sim = await start([], { FAIRWAY_EXIT_ON_STDIN_END: '1' });
    sim.child.stdin?.end();
    expect(await sim.ended).toBe(0);
  });
});
