import { beforeAll, describe, expect, it } from 'vitest';
import type { DedicatedInference } from '#shared/contract/resource.ts';
import { statusDocument } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { activate } from '../regional/testing/activate.ts';
import { createBody } from '../regional/testing/create-body.ts';
import { callApi, testVpcId, type TestReply, type TestRequest } from '../regional/testing/region-fixture.ts';
import { startFrontDoor, type FrontDoor } from './front-door.ts';

const collection = '/v2/dedicated-inferences';

/** What DigitalOcean's Terraform provider does with the API (its resource and data sources), request by request. */
describe('the rules of DigitalOcean’s Terraform provider', () => {
  const started = endAfterAll();
  let door: FrontDoor;

  beforeAll(async () => {
    door = await started.use(startFrontDoor());
  });

  const call = (request: TestRequest): Promise<TestReply> => callApi(door.proxy.url, request);
  const create = async (name: string, spec: Record<string, unknown> = {}): Promise<string> => {
    const made = await call({ method: 'POST', body: createBody(name, { version: 1, ...spec }) });
    expect(made.status, made.text).toBe(202);
    return made.body.dedicated_inference?.id ?? '';
  };
  const read = async (id: string): Promise<DedicatedInference | undefined> =>
    (await call({ path: `${collection}/${id}` })).body.dedicated_inference;
  const isReady = (inference: DedicatedInference | undefined): boolean =>
    inference?.status === 'active' && inference.pending_deployment_spec === undefined;
  /** The whole spec, with the version that is live and what its configuration changes. */
  const update = (id: string, live: DedicatedInference | undefined, parts: object): Promise<TestReply> => {
    const { version, region, enable_public_endpoint, model_deployments } = live?.spec ?? {};
    const spec = { version, name: live?.name, region, enable_public_endpoint, vpc: null, model_deployments, ...parts };
    return call({ method: 'PATCH', path: `${collection}/${id}`, body: { spec } });
  };
  const withScale = (live: DedicatedInference | undefined, scale: number) => ({
    model_deployments: live?.spec?.model_deployments.map((model) => ({
      ...model,
      accelerators: model.accelerators.map((group) => ({ ...group, scale })),
    })),
  });

  it('create waits for active without a pending spec, and reads back what was configured', async () => {
    const id = await create('applied');
    expect(isReady(await read(id))).toBe(false);
    await activate(door.region, id);
    const inference = await read(id);
    expect(isReady(inference)).toBe(true);
    expect(inference?.endpoints?.public_endpoint_fqdn).toMatch(/^https:/);
    // vpc_uuid is optional and not computed: one that was left out must not come back.
    expect(inference?.spec).not.toHaveProperty('vpc_config');
    const given = await create('in-a-vpc', { vpc: { uuid: testVpcId } });
    await activate(door.region, given);
    expect((await read(given))?.spec?.vpc_config).toEqual({ vpc_uuid: testVpcId });
  });

  it('update sends the live version, is told to wait by a 403 alone, and goes through afterwards', async () => {
    const id = await create('scaled');
    await activate(door.region, id);
    const live = await read(id);
    expect((await update(id, live, withScale(live, 3))).status).toBe(202);
    const pending = await read(id);
    expect([pending?.status, isReady(pending)]).toEqual(['updating', false]);
    const early = await update(id, pending, withScale(live, 4));
    expect([early.status, early.body.id, early.headers.get('retry-after')]).toEqual([403, 'forbidden', null]);
    await activate(door.region, id);
    const again = await read(id);
    expect([isReady(again), again?.spec?.version]).toEqual([true, 2]);
    const renamed = await update(id, again, { ...withScale(again, 4), name: 'scaled-and-renamed' });
    expect(renamed.body.dedicated_inference).toMatchObject({
      name: 'scaled-and-renamed',
      pending_deployment_spec: { version: 3, model_deployments: [{ accelerators: [{ scale: 4 }] }] },
    });
  });

  it('lists are stable, and complete by links.pages.next', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push(await create(`listed-${index}`));
    const seen: string[] = [];
    let path: string | undefined = `${collection}?page=1&per_page=2`;
    while (path !== undefined) {
      const { body }: TestReply = await call({ path });
      seen.push(...(body.dedicated_inferences ?? []).map(({ id }) => id));
      path = body.links?.pages?.['next']?.replace(/^https?:\/\/[^/]+/, '');
    }
    expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
  });

  it('delete is over when reading gives 404', async () => {
    const id = await create('destroyed');
    await activate(door.region, id);
    expect((await call({ method: 'DELETE', path: `${collection}/${id}` })).status).toBe(202);
    expect((await read(id))?.status).toBe('deleting');
    const gone = statusDocument({ endpointId: id, state: 'gone', observedRevision: 1e9 });
    await door.region.publishStatus(id, gone);
    await eventually(async () => expect((await call({ path: `${collection}/${id}` })).status).toBe(404));
    for (const part of ['/tokens', '/accelerators', '/ca'])
      expect((await call({ path: `${collection}/${id}${part}` })).status).toBe(404);
  });
});
