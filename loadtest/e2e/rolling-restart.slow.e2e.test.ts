import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { complete } from '#loadtest/workload/completion.ts';
import { startStreamLoad } from '#loadtest/workload/stream-load.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

describe('a rolling restart of two routers behind a layer-4 balancer', () => {
  let fairway: TestStack;
  let token: string;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(
      startTestStack({ timeScale: 3, routers: 2, regionals: 1, provisioners: 1, replicas: 4 }),
    );
    const made = await fairway.create('rolling', 4);
    token = made.token.value ?? '';
    await fairway.untilActive(made.dedicated_inference.id, 4);
  });

  /** SIGTERM, and then another process under its name that is ready. */
  async function restart(name: string, index: number): Promise<void> {
    const victim = fairway.pid(name);
    process.kill(victim, 'SIGTERM');
    const { adminPort } = fairway.stack.plan.ports.vpcs[0]?.routers[index] ?? {};
    await eventually(async () => {
      expect(fairway.pid(name)).not.toBe(victim);
      expect((await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok).toBe(true);
    });
  }

  /** How many streams a router waited for after it had stopped listening. */
  async function streamsAfterListening(name: string): Promise<number> {
    const log = await readFile(join(fairway.stack.folder, 'logs', `${name}.log`), 'utf8');
    const line = log.split('\n').find((one) => one.includes('router.draining')) ?? '{}';
    return (JSON.parse(line) as { streams?: number }).streams ?? 0;
  }

  it('truncates none of 50 open streams and refuses none of 20 new requests a second', async () => {
    // A closing server may always lose what comes through a connection that was idle for long (RFC 9112 §9.6), and on a
    // busy machine this client hears late of it: it leaves such connections itself, before the routers do.
    const agent = new Agent({ keepAliveTimeout: 500, keepAliveMaxTimeout: 500 });
    started.defer(() => agent.close());
    // @ts-expect-error -- undici and Node's types declare fetch each in its own way.
    const client = fairway.openai(token).withOptions({ fetch, fetchOptions: { dispatcher: agent } });
    await using load = startStreamLoad({ client, model: testModel, users: 50, seed: 5, maxTokens: 120, turns: 4 });
    const asked: Promise<string>[] = [];
    const short = async (): Promise<string> => {
      const messages = [{ role: 'user' as const, content: `Question ${asked.length}` }];
      return complete(client, { model: testModel, messages, maxTokens: 4 }).then(
        ({ finishReason }) => finishReason ?? 'truncated',
        (error: unknown) => String(error),
      );
    };
    await load.progress(10);
    const everyMs = 1000 / 20;
    const loop = startLoop({ name: 'new requests', everyMs, clock: systemClock, log: silentLogger() }, () => {
      asked.push(short());
    });
    for (const [index, name] of ['router', 'router-2'].entries()) await restart(name, index);
    await load.progress(50);
    await loop[Symbol.asyncDispose]();
    const ends = await Promise.all(asked);
    console.info(`${load.completed()} streams and ${ends.length} new requests through two restarts`);
    expect(load.failures()).toEqual([]);
    expect(ends.filter((end) => end !== 'length' && end !== 'stop')).toEqual([]);
    expect(ends.length).toBeGreaterThan(50);
    for (const name of ['router', 'router-2']) expect(await streamsAfterListening(name)).toBeGreaterThan(0);
  });
});
