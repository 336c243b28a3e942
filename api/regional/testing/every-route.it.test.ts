import { beforeAll, describe, expect, it } from 'vitest';
import { commandReplySchema, commandSchemas, commandVerbs } from '#shared/contract/commands.ts';
import { collectionPath, itemPath } from '#shared/contract/deployment.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { startFrontDoor, type FrontDoor } from '../../testing/front-door.ts';
import { apiDocumentSchema, operationsOf } from '../docs/api-document.ts';
import { openApiDocument } from '../docs/openapi.ts';
import { readAudit } from './audit-log.ts';
import { createBody } from './create-body.ts';
import { alphaToken, betaToken, callApi, testVpcId, type TestReply, type TestRequest } from './region-fixture.ts';

/** Every operation of the published document: a new one is in these tests by itself. */
const operations = operationsOf(apiDocumentSchema.parse(openApiDocument()));
/** Operations and commands whose body is not valid when it is empty. */
const bodies: Record<string, unknown> = {
  dedicatedInferences_create_tokens: { name: 'mine' },
  create_token: { name: 'mine' },
  dedicatedInferences_put_engine: { engines: [] },
  put_engine: { engines: [] },
};

const nobody = '00000000-0000-8001-8000-000000000000';

describe('every route', () => {
  const started = endAfterAll();
  let door: FrontDoor;
  /** What team alpha has, by the names of the paths. */
  let theirs: Record<string, string>;

  beforeAll(async () => {
    door = await started.use(startFrontDoor());
    const { body } = await door.region.call(0, { method: 'POST', body: createBody('theirs') });
    const spec = body.dedicated_inference?.pending_deployment_spec;
    theirs = {
      id: body.dedicated_inference?.id ?? '',
      token_id: body.token?.id ?? '',
      accelerator_id: spec?.model_deployments[0]?.accelerators[0]?.accelerator_id ?? '',
    };
    expect(Object.values(theirs)).not.toContain('');
  });

  const doors = (): string[] => [door.region.apis[0]?.url ?? '', door.proxy.url];
  const pathOf = (path: string, ids: Record<string, string>): string =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? expect.unreachable(`no ${name}`));
  const requestOf = (
    { method, path, operationId }: (typeof operations)[number],
    ids: Record<string, string>,
  ): TestRequest => ({
    method,
    path: pathOf(path, ids),
    token: betaToken,
    ...(method !== 'GET' && method !== 'DELETE' && { body: bodies[operationId] ?? {} }),
  });
  /** What a client sees, but for what each request has of its own. */
  const seen = ({ status, headers, body: { request_id: _id, ...body } }: TestReply): unknown => ({
    status,
    body,
    headers: [...headers.keys()],
  });
  const lastOfDesired = async (): Promise<number> =>
    (await door.region.nats.jsm.streams.info(streams.desired.name)).state.last_seq;
  /** The line that the log has of a foreign attempt. */
  const told = (requestId: string): Promise<void> =>
    eventually(() => {
      const lines = door.region.logText().split('\n');
      const line = lines.find((one) => one.includes('.foreign"') && one.includes(`"${requestId}"`));
      expect(JSON.parse(line ?? '{}')).toMatchObject({ requestId, team: 'beta', tokenId: 'token-of-beta' });
    });

  it('either names an endpoint or is one of the five that do not', () => {
    const others = operations.filter(({ path }) => path !== itemPath && !path.startsWith(`${itemPath}/`));
    expect(others.map(({ method, path }) => `${method} ${path.slice(collectionPath.length)}`)).toEqual([
      'POST ',
      'GET ',
      'GET /sizes',
      'GET /gpu-model-config',
      'GET /sealing-key',
    ]);
  });

  it.each(operations.filter(({ path }) => path.startsWith(itemPath)))(
    '$method $path of another team’s endpoint is as if it were not there, and the log has a line of it',
    async (operation) => {
      const before = await lastOfDesired();
      for (const [index, url] of doors().entries()) {
        const requestId = `foreign-${operation.operationId}-${index}`;
        const headers = { 'x-request-id': requestId };
        const foreign = await callApi(url, { ...requestOf(operation, theirs), headers });
        expect([foreign.status, foreign.body.id], foreign.text).toEqual([404, 'not_found']);
        const absent = await callApi(url, { ...requestOf(operation, { ...theirs, id: nobody }), headers });
        expect(seen(foreign)).toEqual(seen(absent));
        await told(requestId);
      }
      expect(await lastOfDesired()).toBe(before);
    },
  );

  it('of a stream of another team’s events neither', async () => {
    const path = pathOf(`${itemPath}/events`, theirs);
    const reply = await callApi(doors()[0] ?? '', { path, token: betaToken, headers: { accept: 'text/event-stream' } });
    expect([reply.status, reply.body.id]).toEqual([404, 'not_found']);
  });

  it('of the collection shows nothing of another team, takes its names, and not its VPCs', async () => {
    const vpcId = '99999999-2222-4333-8444-555555555555';
    const vpc = { v: 1, vpcId, region: 'atl1', teams: ['alpha'], createdAt: '2026-11-22T12:00:00.000Z' };
    await door.region.nats.js.publish(subjects.vpc(vpcId), JSON.stringify(vpc));
    const make = (name: string, uuid: string, parts: Partial<TestRequest> = {}): Promise<TestReply> =>
      door.region.call(0, { method: 'POST', body: createBody(name, { vpc: { uuid } }), ...parts });
    await eventually(async () => expect((await make('in-our-own', vpcId)).status).toBe(202));
    const headers = { 'x-request-id': 'foreign-vpc' };
    const [foreign, absent] = [
      await make('a', vpcId, { token: betaToken, headers }),
      await make('a', nobody, { token: betaToken }),
    ];
    expect(foreign.status).toBe(422);
    expect(foreign.text.replaceAll(vpcId, '').replace(/"request_id":"[^"]*"/, '')).toBe(
      absent.text.replaceAll(nobody, '').replace(/"request_id":"[^"]*"/, ''),
    );
    await told('foreign-vpc');
    for (const url of doors())
      expect((await callApi(url, { path: collectionPath, token: betaToken })).body.dedicated_inferences).toEqual([]);
    expect((await make('theirs', testVpcId, { token: betaToken })).status).toBe(202);
  });

  const ask = async (verb: string, content: object, team: string): Promise<{ status: number; body: unknown }> => {
    const payload = JSON.stringify({ v: 1, token: betaToken, ...content });
    const reply = await door.region.nats.nc.request(subjects.command(team, 'atl1', verb), payload, { timeout: 20_000 });
    return commandReplySchema.parse(reply.json());
  };

  it.each(commandVerbs)('over NATS: %s of another team’s endpoint, or on its subject', async (verb) => {
    const before = await lastOfDesired();
    const { shape } = commandSchemas[verb];
    const takesId = 'id' in shape;
    const content = {
      id: theirs['id'],
      ...('tokenId' in shape && { tokenId: theirs['token_id'] }),
      ...(takesId && 'body' in shape && { body: bodies[verb] ?? {} }),
    };
    const reply = await ask(verb, content, 'beta');
    expect([reply.status, reply.body]).toEqual(
      takesId
        ? [404, expect.objectContaining({ id: 'not_found' })]
        : [422, expect.objectContaining({ id: 'unprocessable' })],
    );
    if (takesId) await told(Object(reply.body).request_id);
    const elsewhere = await ask(verb, takesId ? content : { body: createBody('theirs-too') }, 'alpha');
    expect([elsewhere.status, elsewhere.body]).toEqual([403, expect.objectContaining({ id: 'forbidden' })]);
    await told(Object(elsewhere.body).request_id);
    expect(await lastOfDesired()).toBe(before);
  });

  it('and no attempt has an audit line', async () => {
    const lines = await readAudit(door.region.nats, 'fairway.audit.>');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.filter(({ requestId }) => requestId.startsWith('foreign-'))).toEqual([]);
    const id = theirs['id'] ?? '';
    expect(lines.filter(({ endpointId, actor }) => endpointId === id && actor === 'token-of-beta')).toEqual([]);
  });

  it.each(operations)('$method $path lets no page of another origin in', async (operation) => {
    for (const url of doors())
      for (const method of ['OPTIONS', operation.method]) {
        const reply = await callApi(url, {
          ...requestOf(operation, { ...theirs, id: nobody }),
          method,
          headers: { origin: 'https://evil.example', 'access-control-request-method': operation.method },
        });
        expect([...reply.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
        if (method === 'OPTIONS') expect(reply.status).toBe(405);
      }
  });

  it.each(['/openapi.json', '/docs', '/v2/droplets', '/'])('%s neither', async (path) => {
    for (const url of doors())
      for (const method of ['OPTIONS', 'GET']) {
        const reply = await callApi(url, { method, path, headers: { origin: 'https://evil.example' } });
        expect([...reply.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
      }
  });

  it('is there with its own team’s token: the paths above are right', async () => {
    for (const operation of operations.filter(({ method }) => method === 'GET')) {
      const reply = await callApi(doors()[0] ?? '', { ...requestOf(operation, theirs), token: alphaToken });
      // No authority has been issued here.
      expect([reply.status, operation.path]).toEqual([operation.path.endsWith('/ca') ? 404 : 200, operation.path]);
    }
  });
});
