import { expect, it } from 'vitest';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { createBody } from './create-body.ts';
import { spawnRegionalApi } from './process.ts';
import { callApi, startTestRegion, testEnvironment, type TestReply } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';

it('loses no accepted create and makes none twice when processes are killed in the middle', async () => {
  await using server = await startRegionNats();
  await using region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url] });
  const env = await testEnvironment(server.url);
  const create = (url: string, name: string): Promise<TestReply> =>
    callApi(url, { method: 'POST', body: createBody(name), headers: { 'idempotency-key': name } });
  const accepted = new Map<string, string>();
  const names: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    await using doomed = await spawnRegionalApi(env);
    const mine = Array.from({ length: 16 }, (_, index) => `killed-${round}-${index}`);
    names.push(...mine);
    const answers = mine.map(async (name) => {
      const reply = await create(doomed.url, name);
      if (reply.status === 202) accepted.set(name, reply.text);
    });
    await Promise.race([Promise.any(answers), Promise.allSettled(answers)]);
    await doomed.kill();
    await Promise.allSettled(answers);
  }
  expect(accepted.size).toBeGreaterThan(0);
  for (const name of names) {
    const again = await region.call(0, {
      method: 'POST',
      body: createBody(name),
      headers: { 'idempotency-key': name },
    });
    expect(again.status, again.text).toBe(202);
    if (accepted.has(name)) expect(again.text).toBe(accepted.get(name));
    const list = await region.call(0, { path: `${collection}?name=${name}` });
    expect(list.body.meta?.total).toBe(1);
  }
});
