import {
  createDigitalOceanClient,
  DigitalOceanApiKeyAuthenticationProvider,
  type DedicatedInferences,
} from '@digitalocean/dots';
import { FetchRequestAdapter } from '@microsoft/kiota-http-fetchlibrary';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { alphaToken, testVpcId } from '../regional/testing/region-fixture.ts';
import { startFrontDoor, type FrontDoor } from './front-door.ts';
import { activate } from '../regional/testing/activate.ts';
import { published } from './published-schema.ts';
import { unfitting } from './reply-proxy.ts';

const size = 'gpu-mi300x1-192gb';

describe('DigitalOcean’s TypeScript client', () => {
  const started = endAfterAll();
  let door: FrontDoor;
  let client: DedicatedInferences;

  beforeAll(async () => {
    door = await started.use(startFrontDoor());
    const adapter = new FetchRequestAdapter(new DigitalOceanApiKeyAuthenticationProvider(alphaToken));
    adapter.baseUrl = door.proxy.url;
    client = createDigitalOceanClient(adapter).v2.dedicatedInferences;
  });
  beforeEach(() => void door.proxy.exchanges.splice(0));

  const specOf = (name: string, scale = 1) => ({
    version: 1,
    name,
    region: 'atl1',
    enablePublicEndpoint: true,
    vpc: { uuid: testVpcId },
    modelDeployments: [
      {
        modelSlug: 'Qwen/Qwen2.5-14B-Instruct',
        modelProvider: 'hugging_face',
        accelerators: [{ acceleratorSlug: size, scale, type: 'prefill_decode' }],
      },
    ],
  });

  it('drives all 13 operations with only its URL changed', async () => {
    const made = await client.post({
      spec: specOf('dots'),
      accessTokens: { additionalData: { hugging_face_token: 'hf_secret' } },
    });
    const id = made.dedicatedInference?.id ?? '';
    expect(made.dedicatedInference).toMatchObject({ status: 'new', pendingDeploymentSpec: { name: 'dots' } });
    expect(made.dedicatedInference?.spec).toBeUndefined();
    expect(made.token).toMatchObject({ name: 'auto-generated-during-provisioning', isManaged: true });
    const item = client.byDedicated_inference_id(id);
    await expect(item.ca.get()).rejects.toMatchObject({ id: 'not_found', responseStatusCode: 404 });

    await activate(door.region, id, {
      caCertificates: ['-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'],
    });
    const { dedicatedInference: live } = await item.get();
    expect(live).toMatchObject({ status: 'active', spec: { name: 'dots', version: 1 } });
    expect(live?.pendingDeploymentSpec).toBeUndefined();
    expect(live?.endpoints?.publicEndpointFqdn).toMatch(/^https:\/\/[a-z0-9]{25}-public-/);
    expect(Buffer.from((await item.ca.get()).cert ?? '', 'base64').toString()).toContain('BEGIN CERTIFICATE');

    const listed = await client.get({ queryParameters: { region: 'atl1', page: 1, perPage: 200 } });
    expect([listed.meta?.total, listed.dedicatedInferences?.map((one) => one.id)]).toEqual([1, [id]]);

    const { accelerators = [] } = await item.accelerators.get({ queryParameters: { slug: size } });
    expect(accelerators).toMatchObject([{ slug: size, role: 'prefill_decode', status: 'active' }]);
    expect(await item.accelerators.byAccelerator_id(accelerators[0]?.id ?? '').get()).toMatchObject({ slug: size });
    expect((await item.accelerators.get({ queryParameters: { slug: 'gpu-h100x1-80gb' } })).meta?.total).toBe(0);

    const { token } = await item.tokens.post({ name: 'second' });
    expect(token).toMatchObject({ name: 'second', isManaged: false, value: expect.stringMatching(/^fairway_/) });
    const tokens = await item.tokens.get({ queryParameters: { page: 1, perPage: 20 } });
    expect(tokens.tokens?.map(({ name, value }) => [name, value])).toEqual([
      ['auto-generated-during-provisioning', undefined],
      ['second', undefined],
    ]);
    await item.tokens.byToken_id(token?.id ?? '').delete();
    expect((await item.tokens.get()).meta?.total).toBe(1);

    const patched = await item.patch({ spec: specOf('dots', 2) });
    expect(patched.dedicatedInference).toMatchObject({
      status: 'updating',
      spec: { version: 1 },
      pendingDeploymentSpec: { version: 2, status: 'updating' },
    });

    // Its decoder knows no lists of text: the replies are right on the wire.
    await expect(client.sizes.get()).rejects.toThrow('unsupported type');
    await expect(client.gpuModelConfig.get()).rejects.toThrow('unsupported type');
    await item.delete();

    const driven = new Set(door.proxy.exchanges.map(({ operation }) => operation));
    expect([...driven].toSorted()).toEqual(Object.keys(published).toSorted());
    expect(unfitting(door.proxy.exchanges)).toEqual([]);
  });
});
