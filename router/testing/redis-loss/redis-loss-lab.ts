import { setTimeout } from 'node:timers/promises';
import OpenAI from 'openai';
import { readSimConfig } from '#loadtest/sim/config.ts';
import { startSim } from '#loadtest/sim/service.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectRedis } from '#shared/runtime/redis.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { ChildServer } from '#shared/testing/child-server.ts';
import { startRedisServer } from '#shared/testing/redis-server.ts';
import { startTcpProxy } from '#shared/testing/tcp-proxy.ts';
import type { Router } from '../../service.ts';
import { startEdge } from '../router-fixture.ts';

/** Routers, simulated replicas and a Redis that fails on demand. */
export interface RedisLossLab extends AsyncDisposable {
  readonly routers: readonly Router[];
  readonly vpcId: string;
  /** The one that is written to, and the one that follows it. */
  readonly redis: { primary: ChildServer; follower: ChildServer };
  /** The follower is promoted, the other one follows it, and the name of Redis leads to it. */
  failOver(): Promise<void>;
  /** A gauge as each router shows it. */
  everywhere(gauge: string): Promise<number[]>;
  /** Conversations with one system prompt, each turn over any router, until disposed. */
  converse(options: { conversations: number; pauseMs: number; seed: number }): Talk;
}

/** A turn as its client saw it, and when it ended. */
export interface SeenTurn {
  readonly at: number;
  readonly ttftMs: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

/** What clients have seen so far. */
export interface Talk extends AsyncDisposable {
  readonly turns: readonly SeenTurn[];
  readonly failures: readonly string[];
}

type Message = OpenAI.ChatCompletionMessageParam;

const [systemBytes, fileBytes, questionBytes] = [8000, 16_000, 300] as const;
const turnsMax = 12;

/** Starts it on servers of its own. */
export async function startRedisLossLab({ routers: count, replicas }: { routers: number; replicas: number }) {
  await using stack = new AsyncDisposableStack();
  const edge = stack.use(await startEdge());
  const redis = { primary: edge.redis, follower: stack.use(await startRedisServer()) };
  const target = { port: portOf(redis.primary.url), plain: true };
  const proxy = stack.use(await startTcpProxy(target));
  await follow(redis.follower, redis.primary);
  const flags = ['--port', '0', '--model', 'test-model', '--time-scale', '0.05', '--drain-timeout-ms', '0'];
  const config = readSimConfig(flags, { FAIRWAY_SIM_API_KEY: 'upstream-secret' });
  const sims = [];
  while (sims.length < replicas) sims.push(stack.use(await startSim(config, { die: () => {} })));
  const endpoint = await edge.addEndpoint(sims.map(({ url }) => portOf(url)));
  const routers: Router[] = [];
  const env = { FAIRWAY_REDIS_URL: `redis://127.0.0.1:${proxy.port}` };
  while (routers.length < count) routers.push(stack.use(await edge.startRouter({ env })));
  const all = stack.move();
  const lab: RedisLossLab = {
    routers,
    vpcId: edge.vpcId,
    redis,
    async failOver() {
      const { primary, follower } = redis;
      await follow(follower);
      target.port = portOf(follower.url);
      await follow(primary, follower);
      Object.assign(redis, { primary: follower, follower: primary });
    },
    everywhere: (gauge) => Promise.all(routers.map((router) => gaugeOf(router, gauge))),
    converse: (options) => converse(routers, { ...options, token: endpoint.token }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return lab;
}

/** Makes a server follow another one, or nobody. */
async function follow(server: ChildServer, leader?: ChildServer): Promise<void> {
  await using redis = connectRedis({ url: server.url, name: 'lab', log: silentLogger(), commandTimeoutMs: 5000 });
  await new Promise<void>((resolve) => redis.client.once('ready', () => resolve()));
  if (leader === undefined) await redis.client.replicaof('NO', 'ONE');
  else await redis.client.replicaof('127.0.0.1', portOf(leader.url));
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

async function gaugeOf({ adminUrl }: Router, gauge: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  return Number(new RegExp(`^fairway_router_${gauge}\\S* (\\S+)$`, 'm').exec(text)?.[1]);
}

function converse(
  routers: readonly Router[],
  options: { conversations: number; pauseMs: number; seed: number; token: string },
): Talk {
  const { conversations, pauseMs, seed, token } = options;
  const turns: SeenTurn[] = [];
  const failures: string[] = [];
  const stop = new AbortController();
  const clients = routers.map(({ url }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0 }));
  const balance = seededRandom(seed);
  const system = textOf(seededRandom(seed + 1), systemBytes);
  const turnOf = async (messages: readonly Message[]): Promise<string> => {
    try {
      const { text, turn } = await stream(clients[Math.floor(balance() * clients.length)] as OpenAI, messages);
      turns.push(turn);
      return text;
    } catch (error) {
      failures.push(String(error));
      return '';
    }
  };
  const talk = async (index: number): Promise<void> => {
    const random = seededRandom(seed * 1000 + index);
    let messages: Message[] = [];
    while (!stop.signal.aborted) {
      if (messages.length === 0 || messages.length > 2 * turnsMax) messages = [{ role: 'system', content: system }];
      const bytes = messages.length === 1 ? fileBytes : questionBytes;
      messages.push({ role: 'user', content: textOf(random, bytes) });
      await setTimeout(2 * pauseMs * random(), undefined, { signal: stop.signal }).catch(() => {});
      if (!stop.signal.aborted) messages.push({ role: 'assistant', content: await turnOf(messages) });
    }
  };
  const talks = Array.from({ length: conversations }, (_, index) => talk(index));
  return {
    turns,
    failures,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(talks);
    },
  };
}

/** Streams one answer to its end. @throws when it ends without a finish reason, and whatever the client throws. */
async function stream(client: OpenAI, messages: readonly Message[]): Promise<{ text: string; turn: SeenTurn }> {
  const startedAt = performance.now();
  const options = { stream: true, stream_options: { include_usage: true } } as const;
  const chunks = await client.chat.completions.create({
    model: 'test-model',
    max_tokens: 24,
    messages: [...messages],
    ...options,
  });
  let text = '';
  let firstAt: number | undefined;
  let finished = false;
  let tokens = { promptTokens: 0, cachedTokens: 0 };
  for await (const { choices, usage } of chunks) {
    text += choices[0]?.delta.content ?? '';
    if (text !== '') firstAt ??= performance.now();
    finished ||= typeof choices[0]?.finish_reason === 'string';
    if (usage)
      tokens = { promptTokens: usage.prompt_tokens, cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0 };
  }
  if (!finished || firstAt === undefined) throw new Error('the stream ended without a finish reason');
  return { text, turn: { at: performance.now(), ttftMs: firstAt - startedAt, ...tokens } };
}

/** Words that no other seed makes. */
function textOf(random: () => number, bytes: number): string {
  return Array.from({ length: bytes / 10 }, () => random().toString(36).slice(2, 11).padEnd(9, 'x')).join(' ');
}
