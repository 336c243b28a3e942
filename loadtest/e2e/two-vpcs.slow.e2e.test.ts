import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { listReplicas } from '#loadtest/stack/list-replicas.ts';
import { kubeconfigOf } from '#loadtest/stack/processes.ts';
import { vpcIdOf } from '#loadtest/stack/stack-place.ts';
import { complete } from '#loadtest/workload/completion.ts';
import { findLeftovers } from './leftovers.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

interface Placed {
  id: string;
  token: string;
  vpc: number;
}

describe('two VPCs of one region', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ vpcs: 2, regionals: 1, provisioners: 1 }));
  });

  const create = async (name: string, vpc: number): Promise<Placed> => {
    const { dedicated_inference: endpoint, token } = await fairway.create(name, 1, vpcIdOf(vpc));
    return { id: endpoint.id, token: token.value ?? '', vpc };
  };
  const ask = ({ token }: Placed, vpc: number) =>
    complete(fairway.openai(token, vpc), {
      model: testModel,
      messages: [{ role: 'user', content: 'Are you there?' }],
      maxTokens: 4,
    });
  const answers = async (placed: Placed): Promise<void> =>
    expect(await ask(placed, placed.vpc)).toMatchObject({ outputTokens: 4 });
  const remove = async ({ id }: Placed): Promise<void> =>
    expect((await fairway.api('DELETE', `/${id}`)).status).toBe(202);
  const isGone = ({ id }: Placed) =>
    eventually(async () => expect((await fairway.api('GET', `/${id}`)).status).toBe(404), { timeoutMs: 60_000 });

  it('are apart, and one goes on while the cluster of the other is away', async () => {
    const [here, there] = await Promise.all([create('here', 0), create('there', 1)]);
    for (const placed of [here, there]) {
      await fairway.untilActive(placed.id, 1);
      await answers(placed);
      const other = 1 - placed.vpc;
      await expect(ask(placed, other)).rejects.toMatchObject({ status: 401 });
      expect(await listReplicas(kubeconfigOf(fairway.stack.plan, placed.vpc), placed.id)).toHaveLength(1);
      expect(await listReplicas(kubeconfigOf(fairway.stack.plan, other), placed.id)).toEqual([]);
    }

    // Paused first, so that it is away for as long as this takes: a killed one is back at once.
    const away = await fairway.pause('vpc2-cluster');
    const waiting = await create('waiting', 1);
    const late = await create('late', 0);
    expect((await fairway.scale(here.id, 2)).status).toBe(202);
    await fairway.untilActive(late.id, 1);
    await fairway.untilActive(here.id, 2);
    for (const placed of [late, here, there]) await answers(placed);
    await remove(late);
    await isGone(late);
    await remove(there);
    expect((await fairway.get(waiting.id)).status).not.toBe('active');
    process.kill(away, 'SIGKILL');

    await fairway.untilActive(waiting.id, 1);
    await answers(waiting);
    for (const placed of [here, waiting]) await remove(placed);
    for (const placed of [here, there, waiting]) await isGone(placed);
    const ids = [here, there, late, waiting].map(({ id }) => id);
    await eventually(async () => expect(await findLeftovers(fairway.stack.plan, ids)).toEqual([]));
  });
});
