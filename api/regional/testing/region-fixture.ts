import { Writable } from 'node:stream';
import type { CreateReply, DedicatedInference } from '#shared/contract/resource.ts';
import type { ApiTokenDocument } from '#shared/contract/identity.ts';
import { scopes, vpcDocumentSchema } from '#shared/contract/identity.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import { createLogger, silentLogger, type Logger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { storeDocument } from '#shared/testing/store-document.ts';
import { natsUrlOf } from '#shared/testing/region-nats.ts';
import { makeTestStreams } from '#shared/testing/test-streams.ts';
import { createSealKeys } from '#shared/runtime/seal.ts';
import { readRegionalConfig } from '../config.ts';
import { startRegionalApi, type RegionalApi } from '../service.ts';
import { undescribedReply } from './described.ts';

/** A region for tests: API processes in this process, and a connection of its own to look into the stores. */
export interface TestRegion extends AsyncDisposable {
  nats: Nats;
  apis: RegionalApi[];
  /** Sends a request to API number `index`. */
  call(index: number, request: TestRequest): Promise<TestReply>;
  /** Everything that the processes logged. */
  logText(): string;
  seedToken(token: string, document?: Partial<ApiTokenDocument>): Promise<void>;
  /** Publishes a status as a provisioner would. */
  publishStatus(endpointId: string, body: unknown): Promise<void>;
}

/** One request; the body is JSON unless it is text already. */
export interface TestRequest {
  method?: string;
  path?: string;
  token?: string;
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal;
}

/** One reply. */
export interface TestReply {
  status: number;
  headers: Headers;
  text: string;
  body: TestBody;
}

/** The members of replies that tests look at. */
export interface TestBody extends Partial<CreateReply> {
  id?: string;
  message?: string;
  request_id?: string;
  errors?: { path: string; message: string }[];
  details?: Record<string, unknown>;
  dedicated_inferences?: DedicatedInference[];
  links?: { pages?: Record<string, string> };
  meta?: { total: number; unreachable?: string[] };
}

/** API token of team `alpha` with every scope. */
export const alphaToken = 'fairwayapi_alpha-for-tests';

/** API token of team `beta` with every scope. */
export const betaToken = 'fairwayapi_beta-for-tests';

/** A VPC for tests. */
export const testVpcId = '11111111-2222-4333-8444-555555555555';

/** Starts a region. */
export async function startTestRegion(options: {
  natsUrl: string;
  /** One for each API: a proxy, for instance. */
  apiNatsUrls: string[];
  env?: Record<string, string>;
  clock?: Clock;
  random?: () => number;
}): Promise<TestRegion> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await connectNats({ url: options.natsUrl, name: 'test', log: silentLogger() }));
  const { desired, status, identity, events, audit, used } = streams;
  await makeTestStreams(nats, [desired, status, identity, events, audit, used], options.env?.['FAIRWAY_REGION']);
  const seedToken = seeder(nats);
  await seedToken(alphaToken, { team: 'alpha' });
  await seedToken(betaToken, { team: 'beta' });
  await seedVpc(nats, options.env?.['FAIRWAY_REGION'] ?? 'atl1');
  const { log, text } = capturingLogger();
  const apis: RegionalApi[] = [];
  for (const apiNatsUrl of options.apiNatsUrls) {
    const config = readRegionalConfig({ ...(await testEnvironment(apiNatsUrl)), ...options.env });
    const { clock, random } = options;
    apis.push(stack.use(await startRegionalApi(config, { log, ...(clock && { clock }), ...(random && { random }) })));
  }
  const all = stack.move();
  return {
    nats,
    apis,
    seedToken,
    logText: text,
    call: (index, request) => callApi(apis[index]?.url ?? '', request),
    publishStatus: async (endpointId, body) => {
      await storeDocument(nats, { subject: subjects.status(endpointId), body });
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Makes `testVpcId` a VPC of the teams of the tests. */
async function seedVpc(nats: Nats, region: string): Promise<void> {
  const vpc = vpcDocumentSchema.parse({
    v: 1,
    vpcId: testVpcId,
    region,
    teams: ['alpha', 'beta', 'pagers'],
    createdAt: '2026-11-22T12:00:00.000Z',
  });
  await storeDocument(nats, { subject: subjects.vpc(testVpcId), body: vpc });
}

/** An environment that fits; every process of a region has the same keys. */
export async function testEnvironment(natsUrl: string): Promise<Record<string, string>> {
  const { publicKey } = await createSealKeys();
  return {
    FAIRWAY_NATS_URL: natsUrlOf(natsUrl, { role: 'regional', region: 'atl1' }),
    FAIRWAY_PORT: '0',
    FAIRWAY_RATE_PER_HOUR: '1000000',
    FAIRWAY_RATE_PER_MINUTE: '1000000',
    FAIRWAY_ENDPOINTS_MAX: '1000000',
    FAIRWAY_REGION_KEY: Buffer.alloc(32, 7).toString('base64url'),
    FAIRWAY_SEAL_PUBLIC_KEY: publicKey,
    FAIRWAY_DEFAULT_VPC_ID: testVpcId,
  };
}

/** Sends one request. @throws for an answer that the OpenAPI document does not describe. */
export async function callApi(url: string, request: TestRequest): Promise<TestReply> {
  const { method = 'GET', path = '/v2/dedicated-inferences', token = alphaToken, body } = request;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token !== '' && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...request.headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(request.signal && { signal: request.signal }),
  });
  const text = await response.text();
  const problem = undescribedReply(method, response.url, { status: response.status, headers: response.headers, text });
  if (problem !== null) throw new Error(problem);
  const parsed: TestBody = text.startsWith('{') ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, text, body: parsed };
}

function seeder(nats: Nats): TestRegion['seedToken'] {
  return async (token, document = {}) => {
    const body: ApiTokenDocument = {
      v: 1,
      tokenId: `token-of-${document.team ?? 'alpha'}`,
      team: 'alpha',
      scopes: [...scopes],
      expiresAt: null,
      revoked: false,
      ...document,
    };
    await storeDocument(nats, { subject: subjects.apiToken(digest(token)), body });
  };
}

function capturingLogger(): { log: Logger; text: () => string } {
  let text = '';
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { log: createLogger('test', { level: 'debug', destination }), text: () => text };
}
