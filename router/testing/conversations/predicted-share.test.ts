import { describe, expect, test } from 'vitest';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { prefixHashes } from '../../scan/prefix-hash.ts';
import { Scanner } from '../../scan/scanner.ts';
import { BrainLab } from '../brain-lab.ts';
import { claudeCode } from './claude-code.ts';
import { codex } from './codex.ts';
import { opencode } from './opencode.ts';
import { OracleEngine, type CodingClient } from './oracle.ts';
import { scriptOf, type Step } from './script.ts';

/** One conversation through a brain; `send` gives a turn's shares that are cached, as the brain predicts and as the oracle counts. */
function conversation(client: CodingClient, keepsReasoning: boolean) {
  const { engine } = poolDocument();
  const lab = new BrainLab({ replicas: [replicaAt(1)], engine: { ...engine, kvTokens: 10_000_000 } });
  const router = lab.start('a');
  const oracle = new OracleEngine(client, keepsReasoning);
  const send = async (script: readonly Step[], round: number) => {
    const body = client.body(script, round);
    const scanner = new Scanner(client.dialect.body);
    scanner.write(Buffer.from(JSON.stringify(body)));
    const scan = scanner.end();
    if (!scan.ok) throw new Error(`refused: ${scan.code}`);
    const prompt = prefixHashes(scan, { cacheNamespace: 'n', model: 'm' });
    const usage = oracle.serve(body, script[round] as Step);
    const slot = await router.serve({ ...lab.work([]), prompt }, { kind: 'answered', usage });
    return {
      predicted: slot.predictedCachedTokens / usage.promptTokens,
      counted: usage.cachedTokens / usage.promptTokens,
    };
  };
  return { send };
}

/** The shares of all turns. */
async function sharesOf(client: CodingClient, seed: number, keepsReasoning: boolean) {
  const script = scriptOf(seed);
  const { send } = conversation(client, keepsReasoning);
  const turns = [];
  for (const round of script.keys()) turns.push(await send(script, round));
  return turns;
}

const clients = { 'Claude Code': claudeCode, Codex: codex, opencode };
const seeds = Array.from({ length: 15 }, (_, at) => at + 1);
const cases = Object.entries(clients).flatMap(([name, client]) => seeds.map((seed) => ({ name, client, seed })));

/** The greatest distance in points, from this turn on. */
function farthest(turns: Awaited<ReturnType<typeof sharesOf>>, from: number): number {
  expect(turns.length).toBeGreaterThanOrEqual(10);
  return Math.max(...turns.slice(from - 1).map(({ predicted, counted }) => 100 * Math.abs(predicted - counted)));
}

describe('what is cached of a conversation’s next turn is predicted within 1 point', () => {
  test.each(cases)('from the second turn on: $name, seed $seed', async ({ client, seed }) => {
    const turns = await sharesOf(client, seed, true);
    expect(farthest(turns, 2)).toBeLessThan(1);
    expect(turns.some(({ counted }) => counted > 0.98) && turns.some(({ counted }) => counted < 0.9)).toBe(true);
  });

  test.each(cases)('once a template has shown that it drops reasoning: $name, seed $seed', async ({ client, seed }) => {
    expect(farthest(await sharesOf(client, seed, false), 3)).toBeLessThan(1);
  });
});

test.each(Object.entries(clients))('a turn that is taken back is predicted by its bytes: %s', async (_name, client) => {
  for (const seed of seeds.slice(0, 5)) {
    const script = scriptOf(seed);
    const { send } = conversation(client, true);
    for (const round of script.keys()) await send(script, round);
    // The person edits the second question: nothing was counted up to where the two part.
    const [before, after] = [script.slice(0, 6), script.slice(6)];
    const edited = [...before.slice(0, 5), { ...script[5], ...scriptOf(seed + 100)[5] }, ...after] as Step[];
    const { predicted, counted } = await send(edited, 6);
    expect(counted).toBeGreaterThan(0.5);
    expect(100 * Math.abs(predicted - counted)).toBeLessThan(3);
  }
});
