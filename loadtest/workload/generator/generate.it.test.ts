import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readRun, type KeptRun } from '#loadtest/record/run-folder.ts';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { pauseProcess } from '#shared/testing/process-signals.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { startRoute } from '../../../router/alone/testing/route-command.ts';
import { generate } from './generate.ts';
import { readLoadOptions } from './options.ts';
import { answer, begin, clientHeader, frame, SmallServer, type Behaviour } from './testing/small-server.ts';

const started = endAfterEach();
const usage = { prompt_tokens: 1000, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 500 } };
const isLinux = process.platform === 'linux';

/** Waits of minutes become milliseconds. */
const fast = ['--speed', '20000', '--warmup', '0', '--header', `${clientHeader}: {client}`];

it('the same engineers ask the same in one process and in two, and what the end cuts off is told', async () => {
  const [one, two] = [await sixEngineers(1), await sixEngineers(2)];
  expect(two.asked).toEqual(one.asked);
  expect(one.asked.size).toBe(6);
  for (const { figures, records } of [one, two]) {
    expect(figures).toMatchObject({ refused: 0, broken: 0, hits: 0.5, meanContext: 1000, codes: {} });
    expect(figures.requestsPerSecond).toBeGreaterThan(0);
    expect(records.find(({ client }) => client === 'engineer-5')).toMatchObject({ outcome: 'unfinished' });
    const done = records.filter(({ outcome }) => outcome === 'done');
    expect(done.length).toBeGreaterThanOrEqual(5 * 4);
    for (const { askedAt, firstAt, lastAt, outputTokens } of done) {
      expect(askedAt).toBeLessThan(firstAt);
      expect(firstAt).toBeLessThanOrEqual(lastAt);
      expect(outputTokens).toBe(3);
    }
  }
});

/** Until five of them have asked four times; the last one is never answered. */
async function sixEngineers(processes: number) {
  const done = new AbortController();
  const counts = new Map<string, number>();
  const run = await play(
    (response, { client, count }) => {
      counts.set(client, count);
      const rest = [...counts].filter(([name]) => name !== 'engineer-5');
      if (counts.has('engineer-5') && rest.length === 5 && rest.every(([, asked]) => asked >= 4)) done.abort();
      if (client !== 'engineer-5') answer(response, { usage });
    },
    ['--engineers', '6', '--processes', String(processes)],
    done.signal,
  );
  const bodies = (client: string): string[] =>
    run.received.filter((one) => one.client === client).map(({ body }) => body);
  return { ...run, asked: new Map([...counts.keys()].toSorted().map((name) => [name, bodies(name).slice(0, 4)])) };
}

it('each way in which an answer fails has its code, and who is told when to come back comes then', async () => {
  const done = new AbortController();
  const counts = new Map<string, number>();
  const { figures, records, received, said } = await play(
    (response, { client, count }) => {
      counts.set(client, count);
      if (counts.size === 8 && counts.values().every((asked) => asked > 0)) done.abort();
      const fail = count > 0 ? undefined : failures[Number(client.slice('engineer-'.length))];
      if (fail === undefined) answer(response);
      else fail(response);
    },
    ['--engineers', '8', '--timeout', '1'],
    done.signal,
  );
  const first = (index: number): RequestRecord | undefined =>
    records.find(({ client }) => client === `engineer-${index}`);
  const asked = (index: number) => received.filter(({ client }) => client === `engineer-${index}`);
  expect(failures.map((_, index) => [first(index)?.outcome, first(index)?.code])).toEqual([
    ['refused', '503'],
    ['broken', 'reset'],
    ['broken', 'cut'],
    ['broken', 'timeout'],
    ['broken', 'in stream: overloaded'],
    ['broken', '400'],
    ['broken', 'no stream'],
  ]);
  expect(first(7)).toMatchObject({ outcome: 'done', outputTokens: 3 });
  expect(first(7)).not.toHaveProperty('cachedTokens');
  expect(figures).toMatchObject({ hits: Number.NaN, codes: { '503': 1, reset: 1, '400': 1 } });
  expect(said).toContain('hits unknown');
  expect(said).toContain('first 400: the prompt is too long');

  const [refused, again] = asked(0);
  expect(again!.at - refused!.at).toBeGreaterThanOrEqual(1000);
  const answered = records.find(({ client, outcome }) => client === 'engineer-0' && outcome !== 'refused');
  expect(answered!.lastAt - answered!.askedAt, 'it counts from its first try').toBeGreaterThanOrEqual(1000);
  // What was wrong with a request itself is not asked again; all else is.
  for (const index of failures.keys()) expect(asked(index)[0]?.body === asked(index)[1]?.body).toBe(index !== 5);
});

const failures: readonly ((response: Parameters<Behaviour>[0]) => void)[] = [
  (response) => response.writeHead(503, { 'retry-after': '1' }).end(),
  (response) => response.destroy(),
  (response) => answer(response, { isWhole: false }),
  (response) => begin(response),
  (response) => {
    begin(response);
    frame(response, { error: { message: 'too much', code: 'overloaded' } });
    response.end('data: [DONE]\n\n');
  },
  (response) => response.writeHead(400).end(JSON.stringify({ error: { message: 'the prompt is too long' } })),
  (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
];

it('what is due is sent when it is, also while nothing is answered, and the run ends with the last answer', async () => {
  const held: ServerResponse[] = [];
  const behaviour: Behaviour = (response) => {
    held.push(response);
    if (held.length === 20) for (const one of held) answer(one, { usage });
  };
  const rows = Array.from({ length: 20 }, (_, index) => 20 * index);
  const { figures, records } = await play(behaviour, [...(await traceOf(rows)), '--processes', '2']);
  expect(records.map(({ askedAt }) => askedAt).toSorted((one, other) => one - other)).toEqual(rows);
  expect(figures).toMatchObject({ unsent: 0, unfinished: 0, broken: 0 });
  for (const { lateMs, firstAt, askedAt } of records) expect(firstAt - askedAt).toBeGreaterThan(lateMs ?? Infinity);
});

it('what is due beyond what may be under way at once is not sent, and counted', async () => {
  let open = 0;
  let openMax = 0;
  const held: ServerResponse[] = [];
  const behaviour: Behaviour = (response) => {
    open += 1;
    openMax = Math.max(open, openMax);
    response.on('close', () => (open -= 1));
    held.push(response);
    if (held.length >= 4) for (const one of held.splice(0)) answer(one, { usage });
  };
  const trace = await traceOf(Array.from({ length: 20 }, () => 0));
  const { figures, records, said } = await play(behaviour, [...trace, '--processes', '2', '--open', '4']);
  expect([openMax, records.length, figures.unsent]).toEqual([4, 20, 16]);
  expect(said).toContain('NOT VALID: ');
  expect(said).toContain('16 requests could not be sent');
});

it('of many requests that the end cuts off, each is told', async () => {
  const done = new AbortController();
  let received = 0;
  const behaviour: Behaviour = () => {
    received += 1;
    if (received === 600) done.abort();
  };
  const trace = await traceOf(Array.from({ length: 600 }, () => 0));
  const { figures, records, said } = await play(behaviour, [...trace, '--processes', '2'], done.signal);
  expect([figures.unfinished, records.length]).toEqual([600, 600]);
  expect(said).not.toContain('ended by themselves');
});

/** A trace with requests at these times, milliseconds. */
async function traceOf(times: readonly number[]): Promise<string[]> {
  const file = join(await started.folder('fairway-trace-'), 'trace.jsonl');
  const row = { input_length: 600, output_length: 3, hash_ids: [0, 1] };
  await writeFile(file, times.map((timestamp) => `${JSON.stringify({ timestamp, ...row })}\n`).join(''));
  return ['--speed', '1', '--workload', JSON.stringify({ kind: 'trace', file })];
}

it('Ctrl-C ends the asking, and what was seen is figured out and kept', async () => {
  const server = await started.use(SmallServer.start((response) => answer(response, { usage })));
  const folder = join(await started.folder('fairway-load-'), 'run');
  const { child, output } = startCommand([
    '--url',
    server.url,
    '--keep',
    folder,
    ...fast,
    ...(isLinux ? ['--pids', String(process.pid)] : []),
  ]);
  await eventually(() => expect(server.received.length).toBeGreaterThan(3));
  child.kill('SIGINT');
  expect(await once(child, 'exit'), output()).toEqual([0, null]);
  const { figures } = await readRun(folder);
  expect(figures).toMatchObject({ hits: 0.5, ...(isLinux && { target: { processes: 1 } }) });
  expect(output()).toContain(`kept in ${folder}`);
});

it('a second Ctrl-C ends at once, and no process stays behind', async () => {
  const server = await started.use(SmallServer.start((response) => answer(response)));
  const folder = await started.folder('fairway-load-');
  const { child, output } = startCommand(['--url', server.url, '--keep', folder, '--processes', '2', ...fast]);
  await eventually(() => expect(server.received.length).toBeGreaterThan(3));
  const askers = await childrenOf(child);
  expect(askers).toHaveLength(2);
  for (const pid of askers) await pauseProcess(pid);
  child.kill('SIGINT');
  await eventually(() => expect(output()).toContain('stopping'));
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([null, 'SIGINT']);
  for (const pid of askers) process.kill(pid, 'SIGCONT');
  await eventually(() => expect(askers.filter(isThere)).toEqual([]));
});

it.each<{ why: string; args: readonly string[]; says: RegExp }>([
  { why: 'an unknown host', args: ['--url', 'http://nobody.invalid'], says: /^There is no host nobody\.invalid/ },
  {
    why: 'nobody who listens',
    args: ['--url', `http://127.0.0.1:${await freePort()}`],
    says: /^Nobody listens at 127/,
  },
  { why: 'no key', args: [], says: /answered 401: it wants an API key\. Give FAIRWAY_TOKEN/ },
  { why: 'a wrong key', args: ['--token', 'wrong'], says: /401: it does not know this API key/ },
  { why: 'an unknown model', args: ['--token', 'right', '--model', 'large'], says: /no model "large"\. It has: small/ },
  { why: 'a process that is none', args: ['--token', 'right', '--pids', '/nobody'], says: /"\/nobody" is neither/ },
  {
    why: 'a trace that is not there',
    args: ['--token', 'right', '--workload', '{"kind":"trace","file":"nowhere.jsonl"}'],
    says: /nowhere\.jsonl/,
  },
])('says what to do about $why', async ({ args, says }) => {
  const server = await started.use(SmallServer.start((response) => answer(response), 'right'));
  const options = readLoadOptions(['--url', server.url, ...args], {});
  const screen = { write: (): void => {} };
  const refused = generate(options, { signal: AbortSignal.timeout(30_000), screen });
  await expect(refused).rejects.toThrow(says);
});

/** Plays until the signal aborts. */
async function play(behaviour: Behaviour, args: readonly string[], signal = AbortSignal.timeout(50_000)) {
  const server = await started.use(SmallServer.start(behaviour));
  const folder = join(await started.folder('fairway-load-'), 'run');
  const said: string[] = [];
  const options = readLoadOptions(['--url', `${server.url}/v1`, '--keep', folder, ...fast, ...args], {});
  const { figures } = await generate(options, { signal, screen: { write: (text) => void said.push(text) } });
  const run: KeptRun = await readRun(folder);
  const records: RequestRecord[] = [];
  for await (const record of run.requests()) records.push(record);
  return { figures, received: server.received, said: said.join(''), records };
}

function startCommand(args: readonly string[]): { child: ChildProcess; output: () => string } {
  const child = started.child(spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args]));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += String(piece)));
  return { child, output: () => output };
}

async function childrenOf({ pid }: ChildProcess): Promise<number[]> {
  const { stdout } = await promisify(execFile)('pgrep', ['-P', String(pid)]);
  return stdout.trim().split('\n').map(Number);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Groups of prompts that begin alike, as many as two small caches hold: 24 requests in 12 s. */
const groupsOfPrompts = {
  kind: 'stages',
  stages: [{ rate: 2, seconds: 12, arrivals: 'constant' }],
  prompts: { groups: 2, promptsPerGroup: 12, sharedTokens: 100, questionTokens: 10, outputTokens: 4 },
};

const { LLAMA_SERVER: binary, LLAMA_MODEL: gguf } = process.env;
if (binary !== undefined && gguf !== undefined)
  describe('a load on two real llama-servers behind the router', () => {
    it('is answered, and what their caches had is told', async () => {
      const ports = [await freePort(), await freePort()];
      const flags = ['-m', gguf, '-t', '1', '--poll', '0', '-np', '4', '--metrics', '--alias', 'tiny'];
      for (const port of ports) started.child(spawn(binary, [...flags, '--port', String(port)], { stdio: 'ignore' }));
      const upstreams = ports.flatMap((port) => ['--upstream', `http://127.0.0.1:${port}`]);
      const route = await startRoute(started, upstreams);
      const ready = async (): Promise<string> => await (await fetch(`${route.adminUrl}/readyz`)).text();
      await eventually(async () => expect(await ready()).toContain('"warnings":[]'), { timeoutMs: 50_000 });
      const folder = join(await started.folder('fairway-load-'), 'run');
      const asked = [
        '--workload',
        JSON.stringify(groupsOfPrompts),
        '--minutes',
        '1',
        '--warmup',
        '0',
        '--keep',
        folder,
      ];
      const options = readLoadOptions(['--url', route.url, ...asked], {});
      let said = '';
      const screen = { write: (text: string) => void (said += text) };
      const { figures } = await generate(options, { signal: AbortSignal.timeout(120_000), screen });
      expect(figures, said).toMatchObject({ refused: 0, broken: 0, unfinished: 0, codes: {} });
      expect(figures.meanContext).toBeGreaterThan(100);
      // Of each group the first prompt is fresh, and a server's slots are few.
      expect(figures.hits).toBeGreaterThan(0.3);
    }, 150_000);
  });
