import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accessDocumentSchema } from '#shared/contract/desired.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { deriveKey, keyedHash } from '#shared/runtime/keyed-hash.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import { endAfterAll, type Started } from '#shared/testing/started.ts';
import { activate } from '../regional/testing/activate.ts';
import { testVpcId } from '../regional/testing/region-fixture.ts';
import type { ApiClient } from './api-client.ts';
import { startFrontDoor, type FrontDoor } from './front-door.ts';
import { published } from './published-schema.ts';
import { unfitting, wireOperations } from './reply-proxy.ts';

const size = 'gpu-mi300x1-192gb';
const certificate = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

/** A create's or a change's body as all clients send it. */
const bodyOf = (name: string, scale = 1): string =>
  JSON.stringify({
    spec: {
      version: 1,
      name,
      region: 'atl1',
      enable_public_endpoint: true,
      vpc: { uuid: testVpcId },
      model_deployments: [
        {
          model_slug: 'Qwen/Qwen2.5-14B-Instruct',
          model_provider: 'hugging_face',
          accelerators: [{ accelerator_slug: size, scale, type: 'prefill_decode' }],
        },
      ],
    },
  });

/** What a client of DigitalOcean's API must be able to do here with only its URL changed. */
export function describeApiClient(name: string, make: (url: string, started: Started) => ApiClient): void {
  describe(name, { timeout: 60_000 }, () => {
    const started = endAfterAll();
    let door: FrontDoor;
    let client: ApiClient;

    beforeAll(async () => {
      door = await started.use(startFrontDoor());
      client = make(door.proxy.url, started);
    });
    beforeEach(() => void door.proxy.exchanges.splice(0));

    const wire = () => JSON.parse(door.proxy.exchanges.at(-1)?.text || 'null');
    /** Those that do not repeat what got no answer are called again. */
    const untilAnswered = (...call: Parameters<ApiClient['run']>): Promise<string> =>
      client.run(...call).catch(() => client.run(...call));

    it('drives every operation that it has', async () => {
      expect(await client.run('create', bodyOf('driven'))).toContain('driven');
      const { id } = wire().dedicated_inference;
      expect(wire().dedicated_inference).toMatchObject({ status: 'new', pending_deployment_spec: { version: 1 } });
      expect(wire().dedicated_inference).not.toHaveProperty('spec');
      await activate(door.region, id, { caCertificates: [certificate] });
      expect(await client.run('get', id)).toMatch(/active.*-public-|-public-.*active/s);
      expect(wire().dedicated_inference).not.toHaveProperty('pending_deployment_spec');
      expect(await client.run('list', 'driven')).toContain(id);
      expect(await client.run('accelerators', id, size)).toContain(size);
      const [accelerator] = wire().accelerators;
      expect(await client.run('accelerators', id, 'gpu-h100x1-80gb')).not.toContain(accelerator.id);
      if (!client.lacks.includes('accelerator'))
        expect(await client.run('accelerator', id, accelerator.id)).toContain(size);
      if (!client.lacks.includes('ca'))
        expect(await client.run('ca', id)).toContain(Buffer.from(certificate).toString('base64'));
      expect(await client.run('create-token', id, 'second')).toContain(wire().token.value);
      const { token } = wire();
      expect(await client.run('tokens', id)).toContain(token.id);
      expect(door.proxy.exchanges.at(-1)?.text).not.toContain(token.value);
      await client.run('revoke-token', id, token.id);
      expect(await client.run('tokens', id)).not.toContain(token.id);
      await client.run('update', id, bodyOf('driven', 2));
      expect(wire().dedicated_inference).toMatchObject({ status: 'updating', pending_deployment_spec: { version: 2 } });
      await expectShown('sizes', '2.59');
      await expectShown('gpu-model-config', 'Qwen3 32B');
      await client.run('delete', id);
      const lacking = client.lacks.map((operation) => wireOperations[operation]);
      const driven = new Set(door.proxy.exchanges.map(({ operation }) => operation));
      expect([...driven, ...lacking].toSorted()).toEqual(Object.keys(published).toSorted());
      expect(unfitting(door.proxy.exchanges)).toEqual([]);
    });

    /** DoTs cannot decode what it is sent here: then the reply on the wire has to be right. */
    async function expectShown(operation: 'sizes' | 'gpu-model-config', part: string): Promise<void> {
      const shown = await client.run(operation).catch((error: unknown) => {
        expect(String(error)).toContain('unsupported type');
        return door.proxy.exchanges.at(-1)?.text;
      });
      expect(shown).toContain(part);
    }

    it('makes one endpoint and one working token although first replies are lost', async () => {
      const lose = (...operations: string[]): void =>
        operations.forEach((operation) => door.proxy.dropped.set(operation, 1));
      lose('POST ', 'POST /*/tokens', 'PATCH /*', 'DELETE /*/tokens/*', 'DELETE /*');
      await untilAnswered('create', bodyOf('once'));
      const { dedicated_inference: made, token: first } = wire();
      await client.run('list', 'once');
      expect(wire().dedicated_inferences.filter(({ name: own }: { name: string }) => own === 'once')).toHaveLength(1);
      await untilAnswered('create-token', made.id, 'mine');
      const { token } = wire();
      expect(await knownTo(made.id)).toEqual([first.value, token.value].map(hashOf));
      await activate(door.region, made.id);
      await untilAnswered('update', made.id, bodyOf('once', 2));
      expect(wire().dedicated_inference.pending_deployment_spec.version).toBe(2);
      await untilAnswered('revoke-token', made.id, token.id);
      expect(await knownTo(made.id)).toEqual([hashOf(first.value)]);
      await untilAnswered('delete', made.id);
      expect([...door.proxy.dropped.values()]).toEqual([0, 0, 0, 0, 0]);
      expect(door.proxy.exchanges.filter(({ status }) => status >= 400)).toEqual([]);
    });

    /** The hashes that routers let in at an endpoint. */
    async function knownTo(endpointId: string): Promise<string[]> {
      const last = await readLast(door.region.nats, streams.desired.name, subjects.access(testVpcId, endpointId));
      return accessDocumentSchema.parse(last?.body).tokens.map(({ hash }) => hash);
    }
  });
}

/** For clients that read lists to their end: doctl asks for pages of 200, all but the first at once, by `links.pages.last`. */
export function describeLongLists(name: string, make: (url: string) => ApiClient): void {
  const started = endAfterAll();

  it(`${name} reads more than a page of endpoints, each once`, { timeout: 120_000 }, async () => {
    const door = await started.use(startFrontDoor());
    const create = async (index: number): Promise<string> => {
      const { body } = await door.region.call(0, { method: 'POST', body: JSON.parse(bodyOf(`long-${index}`)) });
      return body.dedicated_inference?.id ?? '';
    };
    const ids: string[] = [];
    for (let start = 0; start < 205; start += 41)
      ids.push(...(await Promise.all(Array.from({ length: 41 }, (_, index) => create(start + index)))));
    const shown: unknown = JSON.parse(await make(door.proxy.url).run('list', ''));
    const listed = Array.isArray(shown) ? shown.map(({ id }: { id: string }) => id) : [];
    expect(listed.toSorted()).toEqual(ids.toSorted());
    expect(door.proxy.exchanges.map(({ operation }) => operation)).toEqual(['GET ', 'GET ']);
  });
}

/** With the root key of the test's region. */
function hashOf(value: string): string {
  return keyedHash(deriveKey(Buffer.alloc(32, 7), 'access-token-hash'), value);
}
