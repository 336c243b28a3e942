import { execFileSync } from 'node:child_process';
import { APIError, type OpenAI } from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { EngineKind } from '#loadtest/engines/local-engine.ts';
import type { ReplicaProcess } from '#loadtest/stack/list-replicas.ts';
import { complete } from '#loadtest/workload/completion.ts';
import { ask, beginConversation, hear } from '#loadtest/workload/conversation.ts';
import { findLeftovers } from './leftovers.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/** What must hold of a real engine through the whole product; `write` makes a tiny model in a folder. */
export function engineLifeContract(
  engine: Exclude<EngineKind, 'sim'>,
  write: (folder: string) => Promise<string>,
): void {
  // Longer than `untilActive` waits, so that it can say what was missing.
  describe(`an endpoint of replicas of ${engine}`, { timeout: 400_000 }, () => {
    let fairway: TestStack;
    let endpointId: string;
    let client: OpenAI;
    let last: ReplicaProcess[];
    /** Of each of nine streams. */
    let tokensPerSecond: number;

    const started = endAfterAll();
    beforeAll(async () => {
      const weights = await write(await started.folder('fairway-engine-'));
      fairway = await started.use(startTestStack({ engine, weights, regionals: 1, provisioners: 1 }));
    });

    /** How a stream of that many tokens ended: its finish reason, or the error's code. */
    const longStream = async (name: string, tokens: number, begun?: () => void): Promise<string> => {
      const messages = [{ role: 'user' as const, content: `${name} talks for a long time.` }];
      const long = { model: fairway.model, max_tokens: tokens, ignore_eos: true, messages };
      let finish: string | undefined;
      try {
        for await (const { choices } of await client.chat.completions.create({ ...long, stream: true })) {
          if (choices[0]?.delta.content) begun?.();
          finish = choices[0]?.finish_reason ?? finish;
        }
        return finish ?? 'nothing';
      } catch (error) {
        return error instanceof APIError ? String(error.code) : String(error);
      }
    };

    it('becomes active, and streams tokens, of which the second turn finds the first one’s in the cache', async () => {
      const created = await fairway.create('real', 2);
      endpointId = created.dedicated_inference.id;
      client = fairway.openai(created.token.value ?? '');
      await fairway.untilActive(endpointId, 2);
      const pids = (await fairway.replicas(endpointId)).map(({ pid }) => String(pid));
      const commands = execFileSync('ps', ['-o', 'args=', '-p', pids.join(',')], { encoding: 'utf8' });
      expect(commands.match(/llama-server|vllm/g)?.length).toBeGreaterThanOrEqual(2);

      let talk = ask(beginConversation('one', 'A long instruction of many words. '.repeat(20)), 'What are you?');
      const first = await complete(client, { model: fairway.model, maxTokens: 40, messages: talk.messages });
      expect([first.finishReason, first.outputTokens]).toEqual([
        expect.stringMatching(/stop|length/),
        expect.any(Number),
      ]);
      expect(first.text).not.toBe('');
      talk = ask(hear(talk, first.text), 'And then?');
      const second = await complete(client, { model: fairway.model, maxTokens: 40, messages: talk.messages });
      expect(second.promptTokens).toBeGreaterThan(first.promptTokens);
      expect(second.cachedTokens / first.promptTokens).toBeGreaterThan(0.8);
    });

    it('scales up', async () => {
      expect((await fairway.scale(endpointId, 3)).status).toBe(202);
      await fairway.untilActive(endpointId, 3);
      expect(await fairway.replicas(endpointId)).toHaveLength(3);
    });

    it('loses the streams of a killed replica alone, tells their clients so, and gets it back', async () => {
      const tokens = 300;
      const begunAt = performance.now();
      const begun = Array.from({ length: 9 }, () => Promise.withResolvers<void>());
      const ends = begun.map(({ resolve }, at) => longStream(`Speaker ${at}`, tokens, resolve).finally(resolve));
      await Promise.all(begun.map(({ promise }) => promise));
      const [victim] = await fairway.replicas(endpointId);
      process.kill(victim?.pid ?? 0, 'SIGKILL');
      const told = await Promise.all(ends);
      expect(new Set(told)).toEqual(new Set(['length', 'upstream_disconnected']));
      tokensPerSecond = (1000 * tokens) / (performance.now() - begunAt);
      const questions = Array.from({ length: 12 }, (_, index) => [{ role: 'user' as const, content: `${index}?` }]);
      const after = questions.map((messages) => complete(client, { model: fairway.model, maxTokens: 4, messages }));
      for (const { finishReason } of await Promise.all(after)) expect(finishReason).not.toBeNull();
      await eventually(
        async () => {
          last = await fairway.replicas(endpointId);
          expect(last.filter(({ pid }) => pid !== victim?.pid)).toHaveLength(3);
          expect((await fairway.get(endpointId)).replicas.ready).toBe(3);
        },
        { timeoutMs: 300_000 },
      );
    });

    it('scales down without cutting a stream', async () => {
      // Longer than a pod that is being deleted goes on by itself.
      const tokens = Math.min(2000, Math.ceil(tokensPerSecond * 5));
      const over = new AbortController();
      const told: string[] = [];
      const speakers = Array.from({ length: 9 }, async (_, at) => {
        while (!over.signal.aborted) told.push(await longStream(`Speaker ${at} of ${told.length}`, tokens));
      });
      try {
        await eventually(() => expect(told.length).toBeGreaterThan(0), { timeoutMs: 60_000 });
        expect((await fairway.scale(endpointId, 1)).status).toBe(202);
        await fairway.untilActive(endpointId, 1);
        await eventually(async () => expect(await fairway.replicas(endpointId)).toHaveLength(1), { timeoutMs: 60_000 });
      } finally {
        over.abort();
        await Promise.all(speakers);
      }
      expect(new Set(told)).toEqual(new Set(['length']));
    });

    it('starts anew as its engine is told to', async () => {
      const model_id = (await fairway.get(endpointId)).spec?.model_deployments[0]?.model_id;
      const told = {
        'llama.cpp': { engine: 'llama-cpp', arguments: { parallel: 2, cache_ram: 64 } },
        vllm: { engine: 'vllm', arguments: { max_num_seqs: 2 } },
      }[engine];
      const body = { engines: [{ model_id, ...told, context_tokens: 4096 }] };
      expect(await fairway.api('PUT', `/${endpointId}/engine`, { body })).toMatchObject({ status: 202, body });
      await fairway.untilActive(endpointId, 1);
      await eventually(async () => expect(await fairway.replicas(endpointId)).toHaveLength(1), { timeoutMs: 60_000 });
      const [replica] = await fairway.replicas(endpointId);
      const command = execFileSync('ps', ['-o', 'args=', '-p', String(replica?.pid)], { encoding: 'utf8' });
      expect(command).toMatch(
        engine === 'vllm' ? /--max-num-seqs 2\b/ : /--ctx-size 4096 .*--kv-unified --parallel 2\b/,
      );
      expect((await client.models.list()).data).toMatchObject([{ max_model_len: 4096 }]);
      const messages = [{ role: 'user' as const, content: 'Still there?' }];
      expect((await complete(client, { model: fairway.model, maxTokens: 4, messages })).finishReason).not.toBeNull();
      last.push(...(await fairway.replicas(endpointId)));
    });

    it('leaves nothing behind when it is deleted', async () => {
      expect((await fairway.api('DELETE', `/${endpointId}`)).status).toBe(202);
      await eventually(async () => expect((await fairway.api('GET', `/${endpointId}`)).status).toBe(404), {
        timeoutMs: 60_000,
      });
      const needles = [endpointId, ...last.map(({ id }) => id)];
      await eventually(async () => expect(await findLeftovers(fairway.stack.plan, needles)).toEqual([]));
      for (const { pid } of last) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });
  });
}
