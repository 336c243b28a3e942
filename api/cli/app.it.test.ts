import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditDocument } from '#shared/contract/audit.ts';
import { apiTokenDocumentSchema, vpcDocumentSchema } from '#shared/contract/identity.ts';
import { wordDocumentSchema } from '#shared/contract/infra.ts';
import { readStamp } from '#shared/contract/stream-stamp.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { startRegionNats, type RegionNats } from '#shared/testing/region-nats.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { readApiToken } from '../http/api-tokens.ts';
import { runCli } from './app.ts';

const [vpcId, elsewhere] = ['00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000b2'];
const natsKey = randomBytes(32).toString('base64url');
let server: RegionNats;
let nats: Nats;

const started = endAfterAll();
beforeAll(async () => {
  server = await started.use(startRegionNats());
  nats = await started.use(connectNats({ url: server.url, name: 'test', log: silentLogger() }));
});
beforeEach(async () => {
  for await (const name of nats.jsm.streams.names()) await nats.jsm.streams.delete(name);
});

async function admin(line: string, env: Record<string, string> = {}): Promise<{ code: number; text: string }> {
  let text = '';
  const write = (part: string): void => void (text += part);
  const place = { FAIRWAY_NATS_URL: server.urlOf({ role: 'admin' }), FAIRWAY_NATS_KEY: natsKey, ...env };
  const code = await runCli(['admin', ...line.split(' ')], { out: write, err: write, env: place });
  return { code, text };
}

async function prepare(): Promise<void> {
  for (const line of ['streams', 'team add demo', `vpc add ${vpcId} --team demo`])
    expect(await admin(line)).toMatchObject({ code: 0 });
}

const stampOf = async (stream: string) => readStamp((await nats.jsm.streams.info(stream)).config.metadata);

describe('a region', () => {
  it('gets its streams, stamped, once', async () => {
    expect((await admin('streams')).code).toBe(0);
    const first = await stampOf('DESIRED');
    expect(first).toMatchObject({ region: 'atl1', adoptedAt: 0 });
    await admin('streams');
    expect(await stampOf('DESIRED')).toEqual(first);
    for (const { name } of Object.values(streams)) expect((await stampOf(name))?.region).toBe('atl1');
  });

  it('gets an authority for its private endpoints, and another one in steps', async () => {
    const folder = await started.folder('fairway-ca-');
    expect(await admin(`ca make ${folder}`)).toMatchObject({ code: 0, text: expect.stringContaining('atl1') });
    expect(await admin(`ca make ${folder}`)).toMatchObject({
      code: 1,
      text: expect.stringContaining('is there already'),
    });
    for (const step of ['beside the present one', 'signs from now on', 'rotation is done'])
      expect(await admin(`ca rotate ${folder}`)).toMatchObject({ code: 0, text: expect.stringContaining(step) });
  });

  it('gets teams, tokens and VPCs, and says what does not fit', async () => {
    await prepare();
    const token = (await admin('token add demo --scope dedicated_inference:read')).text.trim();
    const stored = await readLast(nats, 'IDENTITY', subjects.apiToken(digest(token)));
    const scopes = ['dedicated_inference:read'];
    expect(apiTokenDocumentSchema.parse(stored?.body)).toMatchObject({ team: 'demo', scopes, revoked: false });
    const tokenId = `demo-${digest(token).slice(0, 8)}`;
    const listed = async (): Promise<string> => (await admin('token list demo')).text;
    expect(await listed()).toMatch(new RegExp(`^${tokenId}  dedicated_inference:read  for ever  good$`, 'm'));
    for (let round = 0; round < 2; round += 1)
      expect(await admin(`token revoke ${tokenId}`)).toMatchObject({
        code: 0,
        text: expect.stringContaining('revoked'),
      });
    expect(await listed()).toMatch(new RegExp(`^${tokenId} .* revoked$`, 'm'));
    expect(await listed()).not.toContain(token);
    const revoked = await readLast(nats, 'IDENTITY', subjects.apiToken(digest(token)));
    expect(readApiToken(revoked?.body)).toMatchObject({ tokenId, revoked: true, scopes: [] });
    await admin('team add other');
    await admin(`vpc add ${vpcId} --team other`);
    const vpc = vpcDocumentSchema.parse((await readLast(nats, 'IDENTITY', subjects.vpc(vpcId)))?.body);
    expect(vpc).toMatchObject({ region: 'atl1', teams: ['demo', 'other'] });
    for (const [line, said] of [
      ['token add nobody', 'npm run admin -- team add nobody'],
      ['token revoke demo-00000000', 'There is no API token'],
      ['token add demo --scope all', '--scope must be one of'],
      ['token add demo --expires tomorrow', '--expires must be a time'],
      ['team add No.Team', 'is no name of a team'],
      ['vpc add nowhere --team demo', 'is no VPC id'],
      [`vpc add ${vpcId}`, 'at least one team'],
    ] as const)
      expect(await admin(line)).toEqual({ code: 1, text: expect.stringContaining(said) });
    const known = { v: 1, vpcId: elsewhere, region: 'nyc2', teams: ['demo'], createdAt: '2026-11-26T12:00:00Z' };
    await writeDocuments(nats, [{ subject: subjects.vpc(elsewhere), body: known }], '');
    expect((await admin(`vpc add ${elsewhere} --team demo`)).text).toContain('is in region nyc2, not in atl1');
  });

  it('gets two streams per VPC, and the login of its routers', async () => {
    await admin('streams');
    await admin('team add demo');
    const { text } = await admin(`vpc add ${vpcId} --team demo`);
    expect(text).toContain(`nats://router-${vpcId}:`);
    expect(text).toMatch(/account EDGE[\s\S]*permissions/);
    for (const name of [`ACCESS_${vpcId}`, `POOLS_${vpcId}`]) {
      expect(text).toContain(`${name}: made`);
      expect((await nats.jsm.streams.info(name)).config.mirror).toBeDefined();
    }
    expect((await admin('streams')).text).toContain(`ACCESS_${vpcId}: kept`);
  });
});

it('routers are forgotten by name, so that nobody waits for one that was killed', async () => {
  await prepare();
  const subject = subjects.router(vpcId, 'r1');
  await writeDocuments(nats, [{ subject, body: { v: 1, routerId: 'r1', vpcId, epoch: 1 } }], '');
  expect(await admin(`router forget ${vpcId} r2`)).toEqual({
    code: 1,
    text: expect.stringContaining('No router "r2"'),
  });
  expect((await admin(`router forget ${vpcId} r1`)).code).toBe(0);
  expect(await readLast(nats, 'KV_infra', subject)).toMatchObject({ deleted: true });
});

it.each(['streams', 'adopt', `vpc add ${vpcId} --team demo`])('%s keeps its hands off another region', async (line) => {
  await admin('streams');
  const before = await stampOf('DESIRED');
  const refused = await admin(line, { FAIRWAY_REGION: 'nyc2' });
  expect(refused).toEqual({ code: 1, text: expect.stringContaining('holds region atl1, not nyc2') });
  expect(await stampOf('DESIRED')).toEqual(before);
});

describe('a stream that was made anew', () => {
  const write = (subject: string) => writeDocuments(nats, [{ subject, body: {} }], '');

  it('starts above what the clusters have carried out', async () => {
    await admin('streams');
    const found = { state: 'ready', reason: '', message: '', greatestIntentSeq: 41, updatedAt: '2026-11-26T12:00:00Z' };
    const body = { v: 1, vpcId, region: 'atl1', ...found, writer: 'p' };
    await writeDocuments(nats, [{ subject: subjects.cluster(vpcId), body }], '');
    expect((await admin('streams --first-sequence 7')).text).toContain('DESIRED exists');
    await nats.jsm.streams.delete('DESIRED');
    expect((await admin('streams --first-sequence 7')).text).toContain('revision 41. Give 42 or more');
    await admin('streams');
    expect(await write(subjects.spec('e'))).toEqual({ kind: 'stored', seqs: [42] });
    await nats.jsm.streams.delete('DESIRED');
    for (const _ of [1, 2]) expect((await admin('streams --first-sequence 1000')).code).toBe(0);
    expect(await write(subjects.spec('e'))).toEqual({ kind: 'stored', seqs: [1000] });
  });

  it('takes its mirrors with it, which are adopted by a word alone', async () => {
    await prepare();
    await write(subjects.access(vpcId, 'e'));
    const mirror = await stampOf(`ACCESS_${vpcId}`);
    await nats.jsm.streams.delete('DESIRED');
    expect((await admin('streams')).text).toContain(`ACCESS_${vpcId}: made anew\nPOOLS_${vpcId}: kept`);
    const anew = await stampOf(`ACCESS_${vpcId}`);
    expect(anew?.id).not.toBe(mirror?.id);
    expect(anew?.adoptedAt).toBe(0);
    expect((await admin('adopt')).code).toBe(0);
    for (const name of ['DESIRED', 'KV_edge', `ACCESS_${vpcId}`, `POOLS_${vpcId}`])
      expect((await stampOf(name))?.adoptedAt).toBeGreaterThan(0);
  });

  it('leaves objects in the clusters, which go by a word alone', async () => {
    await admin('streams');
    expect((await admin(`sweep ${vpcId} e`)).code).toBe(0);
    const word = await readLast(nats, 'KV_infra', subjects.word(vpcId, 'e'));
    expect(wordDocumentSchema.parse(word?.body)).toMatchObject({ word: 'sweep' });
  });
});

describe('the audit log', () => {
  const endpointId = '00000000-0000-8001-8000-000000000001';
  const line = (document: 'spec' | 'access', parts: Partial<AuditDocument>) => {
    const at = '2026-11-26T12:00:00.000Z';
    const common = { v: 1, document, endpointId, team: 'demo', at, actor: 'demo-1', intentId: 'i', requestId: 'r-1' };
    const body = { ...common, action: 'update', revision: 1, summary: 'said so', before: null, after: null, ...parts };
    return writeDocuments(nats, [{ subject: subjects.audit(document, endpointId), body }], '');
  };

  it('tells who changed what at an endpoint, in order, and where a change went past the API', async () => {
    await admin('streams');
    await line('spec', { action: 'create', revision: 3, after: 'aaaa', actor: 'demo-2' });
    await line('spec', { revision: 9, before: 'bbbb', after: 'cccc' });
    await line('access', { action: 'create_token', revision: 5, before: 'dddd', after: 'eeee' });
    const at = '2026-11-26T12:00:00.000Z';
    expect((await admin(`audit ${endpointId}`)).text.trimEnd().split('\n')).toEqual([
      `${at}  3  demo-2  create: said so (request r-1)  [spec nothing → aaaa]`,
      `${at}  5  demo-1  create_token: said so (request r-1)  [access dddd → eeee]`,
      '  ! spec: changed past the API, or a line is missing',
      `${at}  9  demo-1  update: said so (request r-1)  [spec bbbb → cccc]`,
    ]);
    for (const [other, said] of [
      [elsewhere, 'no line of endpoint'],
      ['*', "is no endpoint's id"],
    ] as const)
      expect(await admin(`audit ${other}`)).toEqual({ code: 1, text: expect.stringContaining(said) });
  });

  it('tells what operators asked for, none of it secret, and lets nothing happen without', async () => {
    await prepare();
    const token = (await admin('token add demo --scope dedicated_inference:read')).text.trim();
    // A token where its id belongs.
    expect((await admin(`token revoke ${token}`)).code).toBe(1);
    const { text } = await admin('audit operators');
    const asked = text.trimEnd().split('\n');
    expect(asked.map((one) => one.replace(/^\S+Z {2}/, ''))).toEqual([
      'admin  streams',
      'admin  team add demo',
      `admin  vpc add ${vpcId} --team demo`,
      'admin  token add demo --scope dedicated_inference:read',
      'admin  token revoke fairwayapi_***',
    ]);
    expect(text).not.toContain(token);
    await nats.jsm.streams.update('AUDIT', { max_msg_size: 1 });
    expect(await admin('team add other')).toEqual({ code: 1, text: expect.stringContaining('took no line') });
    expect(await readLast(nats, 'IDENTITY', subjects.team('other'))).toBeNull();
  });
});

describe('a command line', () => {
  it('is explained', async () => {
    expect(await admin('--help')).toEqual({ code: 0, text: expect.stringContaining('vpc add VPC_ID') });
    for (const [line, said] of [
      ['nonsense', 'There is no command "admin nonsense"'],
      ['vpc add', 'takes VPC_ID'],
      ['streams --copies 3', "Unknown option '--copies'"],
    ] as const)
      expect(await admin(line)).toEqual({ code: 2, text: expect.stringContaining(said) });
    expect((await admin('streams --replicas many')).text).toContain('--replicas must be a whole number');
    expect((await admin('streams', { FAIRWAY_NATS_URL: '' })).text).toContain('FAIRWAY_NATS_URL is not set');
    expect((await admin('accounts', { FAIRWAY_NATS_KEY: '' })).text).toContain('FAIRWAY_NATS_KEY is not set');
  });

  it('prints the accounts without NATS', async () => {
    const { code, text } = await admin(`accounts --vpc ${vpcId} --team demo`, { FAIRWAY_NATS_URL: '' });
    expect(code).toBe(0);
    for (const name of ['admin', 'central', 'regional', 'provisioner', `router-${vpcId}`, 'team-demo'])
      expect(text).toContain(`user: "${name}"`);
  });
});
