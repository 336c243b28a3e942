import { expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { readSimConfig } from '#loadtest/sim/config.ts';
import { Engine } from '#loadtest/sim/engine/engine.ts';
import { presets } from '#loadtest/sim/engine/presets.ts';
import { readFaults } from '#loadtest/sim/server/faults.ts';
import { startSim } from '#loadtest/sim/service.ts';
import { KvSubscriber, type KvEventResult } from './kv-subscriber.ts';

const started = endAfterEach();

it.each(['map', 'array'])('knows what a simulated engine holds, gaps filled (%s)', async (form) => {
  const [port, replayPort] = [await freePort(), await freePort()];
  const config = { endpoint: `tcp://*:${port}`, replay_endpoint: `tcp://*:${replayPort}` };
  const flags = ['--port=0', '--model=m', '--max-model-len=1500', '--time-scale=0.01', `--kv-events-form=${form}`];
  const simulated = readSimConfig([...flags, `--kv-events-config=${JSON.stringify(config)}`], {});
  // A hundred blocks: they are evicted all the time.
  const engine = new Engine({ ...presets['30b-a3b-h200'], kvTokens: 1600 }, { cacheEvents: true });
  const sim = await started.use(startSim(simulated, { engine }));
  await eventually(() => expect(sim.desk.healthy()).toBe(true));
  sim.desk.setFaults(readFaults([{ kind: 'kv-gap', probability: 0.3 }]));
  const counts = new Map<KvEventResult, number>();
  const subscriber = started.keep(
    new KvSubscriber({
      replica: replicaAt(1),
      ports: { port, replayPort },
      cleared: () => {},
      counted: (result) => counts.set(result, (counts.get(result) ?? 0) + 1),
      clock: systemClock,
      log: silentLogger(),
    }),
  );
  const ask = async (prompt: string): Promise<void> => {
    const body = JSON.stringify({ model: 'm', prompt, max_tokens: 30 });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${sim.url}/v1/completions`, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    await answer.text();
  };
  for (let turn = 0; turn < 40; turn += 1) await ask(`story ${turn % 7} goes on and on `.repeat(10 + (turn % 9)));
  sim.desk.setFaults([]);
  // A gap at the end shows with the next batch only.
  let looks = 0;
  await eventually(async () => {
    await ask(`the end, ${(looks += 1)} `.repeat(20));
    const { running, idleBlocks } = engine.stats();
    expect([running, subscriber.news().heldTokens]).toEqual([0, 16 * idleBlocks]);
  });
  expect(engine.stats().idleBlocks).toBeGreaterThan(60);
  expect(subscriber.news().evictedPerSecond).toBeGreaterThan(0);
  expect(counts.get('missed')).toBeUndefined();
});
