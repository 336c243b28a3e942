import { expect, it } from 'vitest';
import { subjects } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { readAudit } from './audit-log.ts';
import { createBody } from './create-body.ts';
import { spawnRegionalApi } from './process.ts';
import { callApi, startTestRegion, testEnvironment, type TestReply } from './region-fixture.ts';

const collection = '/v2/dedicated-inferences';

it('loses no accepted change, makes none twice, and tells of each once when processes are killed in the middle', async () => {
  await using server = await startRegionNats();
  await using region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url] });
  const env = await testEnvironment(server.url);
  const survivor = region.apis[0]?.url ?? '';
  const create = (url: string, name: string): Promise<TestReply> =>
    callApi(url, { method: 'POST', body: createBody(name), headers: { 'idempotency-key': name } });
  const accepted = new Map<string, string>();
  const names: string[] = [];
  const shared = (await create(survivor, 'shared')).body.dedicated_inference?.id ?? '';
  const addToken = (url: string, name: string): Promise<TestReply> =>
    callApi(url, {
      method: 'POST',
      path: `${collection}/${shared}/tokens`,
      body: { name },
      headers: { 'idempotency-key': name },
    });
  for (let round = 0; round < 3; round += 1) {
    await using doomed = await spawnRegionalApi(env);
    const mine = Array.from({ length: 16 }, (_, index) => `killed-${round}-${index}`);
    names.push(...mine);
    const answers = mine.map(async (name) => {
      const reply = await create(doomed.url, name);
      if (reply.status === 202) accepted.set(name, reply.text);
    });
    const all = Promise.allSettled([...answers, addToken(doomed.url, `token-${round}`)]);
    await Promise.race([Promise.any(answers), all]);
    await doomed.kill();
    await all;
  }
  expect(accepted.size).toBeGreaterThan(0);
  for (const name of names) {
    const again = await create(survivor, name);
    expect(again.status, again.text).toBe(202);
    if (accepted.has(name)) expect(again.text).toBe(accepted.get(name));
    const list = await region.call(0, { path: `${collection}?name=${name}` });
    expect(list.body.meta?.total).toBe(1);
  }
  for (const round of [0, 1, 2]) expect((await addToken(survivor, `token-${round}`)).status).toBe(202);
  // What the killed processes did not live to write, the one that is left writes.
  await eventually(async () => {
    const specs = await readAudit(region.nats, subjects.audit('spec', '*'));
    expect(specs.map(({ action }) => action)).toEqual(Array.from({ length: names.length + 1 }, () => 'create'));
    expect(new Set(specs.map(({ intentId }) => intentId)).size).toBe(specs.length);
    const tokens = await readAudit(region.nats, subjects.audit('access', shared));
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens.map(({ summary }) => /token-\d/.exec(summary)?.[0])).size).toBe(3);
  });
});
