import { describe, expect, test } from 'vitest';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { prefixHashes } from '../../scan/prefix-hash.ts';
import { Scanner } from '../../scan/scanner.ts';
import { BrainLab } from '../brain-lab.ts';
import { claudeCode } from './claude-code.ts';
import { codex } from './codex.ts';
import { opencode } from './opencode.ts';
import { OracleEngine, type CodingClient } from './oracle.ts';
import { scriptOf } from './script.ts';

/** Shares of each turn's prompt that are cached, as the brain predicts and as the oracle counts. */
async function sharesOf(client: CodingClient, seed: number, keepsReasoning: boolean) {
  const { engine } = poolDocument();
  const lab = new BrainLab({ replicas: [replicaAt(1)], engine: { ...engine, kvTokens: 10_000_000 } });
  const router = lab.start('a');
  const oracle = new OracleEngine(client, keepsReasoning);
  const script = scriptOf(seed);
  const turns = [];
  for (const [round, step] of script.entries()) {
    const body = client.body(script, round);
    const scanner = new Scanner(client.dialect.body);
    scanner.write(Buffer.from(JSON.stringify(body)));
    const scan = scanner.end();
    if (!scan.ok) throw new Error(`refused: ${scan.code}`);
    const prompt = prefixHashes(scan, { cacheNamespace: 'n', model: 'm' });
    const usage = oracle.serve(body, step);
    const slot = await router.serve({ ...lab.work([]), prompt }, { kind: 'answered', usage });
    turns.push({
      predicted: slot.predictedCachedTokens / usage.promptTokens,
      counted: usage.cachedTokens / usage.promptTokens,
      ...usage,
    });
  }
  return turns;
}

const clients = { 'Claude Code': claudeCode, Codex: codex, opencode };
const cases = Object.entries(clients).flatMap(([name, client]) => [1, 2, 3].map((seed) => ({ name, client, seed })));

/** The greatest distance in points, from this turn on. */
function farthest(turns: Awaited<ReturnType<typeof sharesOf>>, from: number): number {
  expect(turns.length).toBeGreaterThanOrEqual(10);
  return Math.max(...turns.slice(from - 1).map(({ predicted, counted }) => 100 * Math.abs(predicted - counted)));
}

describe('what is cached of a conversation’s next turn is predicted within 3 points', () => {
  test.each(cases)('from the second turn on: $name, seed $seed', async ({ client, seed }) => {
    const turns = await sharesOf(client, seed, true);
    expect(farthest(turns, 2)).toBeLessThan(3);
    expect(turns.some(({ counted }) => counted > 0.98) && turns.some(({ counted }) => counted < 0.9)).toBe(true);
  });

  test.each(cases)('once a template has shown that it drops reasoning: $name, seed $seed', async ({ client, seed }) => {
    expect(farthest(await sharesOf(client, seed, false), 3)).toBeLessThan(3);
  });
});
