/**
 * Run: node setup.mjs loadtest/sim/engine/engine.bench.ts [requests]
 * What one request costs the simulation: conversations of about 77,000 tokens whose turns come back in turn to one engine
 * near its limits, token by token and in jumps; processor time of the thread, so that other work beside it does not count.
 */
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { Engine } from './engine.ts';
import { presets } from './presets.ts';

const requests = Number(process.argv[2] ?? 3000);

for (const blockTokens of [16, 256])
  for (const everyToken of [true, false]) {
    const { microseconds, hits } = run({ blockTokens, everyToken });
    const how = everyToken ? 'every token' : 'in jumps';
    console.log(
      `blocks of ${blockTokens}, ${how}: ${microseconds.toFixed(0)} µs per request, ${hits.toFixed(1)} % hits`,
    );
  }

function run({ blockTokens, everyToken }: { blockTokens: number; everyToken: boolean }) {
  const random = seededRandom(1);
  const engine = new Engine({ ...presets['30b-a3b-h200'], blockTokens }, { everyToken });
  const conversations = Array.from({ length: 16 }, () => ({ tokens: 40_000, blocks: [] as number[] }));
  let at = 0;
  let spent = 0;
  for (let index = 0; index < requests; index += 1) {
    // Exponential gaps: 40 requests a second on 48 engines.
    at += -1200 * Math.log(1 - random());
    const name = Math.floor(random() * conversations.length);
    const conversation = conversations[name] ?? { tokens: 0, blocks: [] };
    if (conversation.tokens > 115_000) Object.assign(conversation, { tokens: 40_000, blocks: [] });
    const promptTokens = conversation.tokens + 1200;
    const outputTokens = 1 + Math.floor(-520 * Math.log(1 - random()));
    conversation.tokens = promptTokens + outputTokens;
    const { blocks } = conversation;
    for (let block = blocks.length; block < Math.floor(conversation.tokens / blockTokens); block += 1)
      blocks.push((block * blockTokens < 20_000 ? 0 : (index + 1) * 1_000_000 + 1) + block);
    const before = process.threadCpuUsage();
    for (let next = engine.nextEventAt(); next !== undefined && next < at; next = engine.nextEventAt())
      engine.advance(next);
    engine.submit({ id: String(index), promptTokens, outputTokens, blocks }, at);
    engine.advance(at);
    const { user, system } = process.threadCpuUsage(before);
    spent += user + system;
  }
  const { cachedTokens, promptTokens } = engine.stats();
  return { microseconds: spent / requests, hits: (100 * cachedTokens) / promptTokens };
}
