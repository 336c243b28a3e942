import { beforeAll, describe, expect, it } from 'vitest';
import type OpenAI from 'openai';
import { complete, type Completion } from '#loadtest/workload/completion.ts';
import { ask, beginConversation, hear, proseOf } from '#loadtest/workload/conversation.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { directClients } from './direct-clients.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

const seed = 7;
/** All are in flight most of the time: an answer takes far longer than its client needs for the next question. */
const users = 60;
const turns = 10;
/** Replicas; all of them under `npm test -- --all`. */
const sizes = process.env['FAIRWAY_TEST_ALL'] === undefined ? [2, 4] : [2, 3, 4, 8];
/** About 20,000 pseudo-tokens, common to all users, as a coding assistant's system prompt and tools are. */
const commonBytes = 80_000;
/** Only whole blocks are cached, and the last one of a prompt is always computed. */
const blockTokens = 32;

interface Outcome {
  /** Share of the turns after the first that found their whole former context cached. */
  returned: number;
  cachedShare: number;
}

describe('routing by prefix and load', () => {
  let fairway: TestStack;
  let endpointId: string;
  let client: OpenAI;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ timeScale: 0.4, routers: 2, regionals: 1, provisioners: 1 }));
    const { dedicated_inference, token } = await fairway.create('affinity', 2);
    endpointId = dedicated_inference.id;
    client = fairway.openai(token.value ?? '');
    await fairway.untilActive(endpointId, 2);
  });

  for (const replicas of sizes) {
    it(`${users} users × ${turns} turns return to their prefix on ${replicas} replicas, evenly (seed ${seed})`, async () => {
      await fairway.scale(endpointId, replicas);
      await fairway.untilActive(endpointId, replicas);
      const before = await servedByReplica(fairway, endpointId);
      const routed = await converse(`routed-${replicas}`, () => client);
      const after = await servedByReplica(fairway, endpointId);

      const direct = await directClients(fairway, endpointId);
      const random = seededRandom(seed);
      const baseline = await converse(
        `random-${replicas}`,
        () => direct[Math.floor(random() * direct.length)] ?? client,
      );

      const served = [...after].map(([replica, count]) => count - (before.get(replica) ?? 0));
      const even = (users * turns) / replicas;
      process.stdout.write(
        `${replicas} replicas: returned ${share(routed.returned)}, random pick ${share(baseline.returned)}; cached tokens ${share(routed.cachedShare)}, random ${share(baseline.cachedShare)}; served ${served.join(' ')}\n`,
      );
      expect(routed.returned).toBeGreaterThan(0.9);
      expect(routed.returned).toBeGreaterThan(baseline.returned + 0.2);
      expect(Math.max(...served)).toBeLessThanOrEqual(1.5 * even);
    });
  }

  async function converse(name: string, choose: () => OpenAI): Promise<Outcome> {
    const common = proseOf(seededRandom(seed), commonBytes);
    const seen = await Promise.all(
      Array.from({ length: users }, async (_, index) => {
        const random = seededRandom(seed * 10_000 + index + name.length);
        let conversation = beginConversation(`${name}-${index}`, common);
        const answers: Completion[] = [];
        for (let turn = 0; turn < turns; turn += 1) {
          conversation = ask(conversation, `${name} ${index} ${proseOf(random, 400)}`);
          const answer = await complete(choose(), { model: testModel, messages: conversation.messages, maxTokens: 24 });
          conversation = hear(conversation, answer.text);
          answers.push(answer);
        }
        return answers;
      }),
    );
    const later = seen.flatMap((answers) =>
      answers.slice(1).map((answer, index) => ({ answer, before: answers[index] })),
    );
    const back = later.filter(({ answer, before }) => answer.cachedTokens >= (before?.promptTokens ?? 0) - blockTokens);
    const sum = (pick: (answer: Completion) => number): number =>
      seen.flat().reduce((total, answer) => total + pick(answer), 0);
    return {
      returned: back.length / later.length,
      cachedShare: sum((answer) => answer.cachedTokens) / sum((answer) => answer.promptTokens),
    };
  }
});

/** Finished requests of each replica, by its own count. */
async function servedByReplica(fairway: TestStack, endpointId: string): Promise<Map<string, number>> {
  const replicas = await fairway.replicas(endpointId);
  const counts = await Promise.all(
    replicas.map(async ({ id, url }): Promise<[string, number]> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line.startsWith('vllm:request_success_total'));
      return [id, lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)];
    }),
  );
  return new Map(counts);
}

function share(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}
