import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { streams } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { readEach, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { stackPlace } from '#loadtest/stack/stack-place.ts';
import { adoptStreams, makeRegionStreams, openAdmin } from '../../api/cli/service.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

const name = streams.desired.name;

describe('a DESIRED that was lost', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ regionals: 1, provisioners: 1 }));
  });

  const ask = (token: string) =>
    fairway.openai(token).chat.completions.create({
      model: testModel,
      messages: [{ role: 'user', content: 'Are you there?' }],
      max_tokens: 4,
    });
  const log = (process: string): Promise<string> =>
    readFile(join(fairway.stack.folder, 'logs', `${process}.log`), 'utf8');

  it('takes nothing down, and what is put back and adopted goes on', async () => {
    const { plan } = fairway.stack;
    const [kept, lost] = await Promise.all(['kept', 'lost'].map((each) => fairway.create(each, 1)));
    const ids = [kept, lost].map((made) => made?.dedicated_inference.id ?? '');
    const tokens = [kept, lost].map((made) => made?.token.value ?? '');
    const [keptId = '', lostId = ''] = ids;
    const [keptToken = '', lostToken = ''] = tokens;
    for (const id of ids) await fairway.untilActive(id, 1);
    const running = await Promise.all(ids.map((id) => fairway.replicas(id)));

    await using nats = await connectNats({ url: plan.nats.url, name: 'lost-streams', log: silentLogger() });
    const saved = await readEach(nats, name, '>');
    const place = { natsUrl: plan.nats.urlOf({ role: 'admin' }), region: stackPlace.region };
    await using admin = await openAdmin(place, { log: silentLogger() });
    await nats.jsm.streams.delete(name);
    const done = await makeRegionStreams(admin);
    expect(done.join()).toContain(`ACCESS_${stackPlace.vpcId}: made anew`);

    // A provisioner that starts now finds an empty stream, and a router one that it does not know.
    fairway.kill('provisioner');
    await eventually(async () => expect(await log('router')).toContain('edge.not_believed'), { timeoutMs: 30_000 });
    await eventually(async () => expect(await log('provisioner')).toContain('StreamReplaced'), { timeoutMs: 30_000 });
    for (const token of tokens) expect((await ask(token)).choices[0]?.message.content).toBeTruthy();
    expect(await Promise.all(ids.map((id) => fairway.replicas(id)))).toEqual(running);

    // An operator puts back what there is a copy of, and says that it is right so.
    const back = saved.filter(({ body }) => JSON.stringify(body).includes(keptId));
    for (const { subject, body } of back)
      expect((await writeDocuments(nats, [{ subject, body, expectedSeq: 0 }], '')).kind).toBe('stored');
    await adoptStreams(admin);
    await eventually(() => expect(ask(lostToken)).rejects.toMatchObject({ status: 401 }), { timeoutMs: 30_000 });
    expect((await ask(keptToken)).choices[0]?.message.content).toBeTruthy();
    expect((await fairway.scale(keptId, 2)).status).toBe(202);
    await fairway.untilActive(keptId, 2);
    expect((await ask(keptToken)).choices[0]?.message.content).toBeTruthy();
    expect(await fairway.replicas(lostId)).toEqual(running[1]);
  });
});
