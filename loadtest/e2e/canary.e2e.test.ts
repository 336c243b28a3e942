import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { commandReplySchema } from '#shared/contract/commands.ts';
import { sealingKeyReplySchema } from '#shared/contract/parts.ts';
import { createReplySchema } from '#shared/contract/resource.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { seal } from '#shared/runtime/seal.ts';
import { stackPlace } from '#loadtest/stack/stack-place.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { findLeftovers } from './leftovers.ts';
import { createSpec, startTestStack, testModel, type TestStack } from './test-stack.ts';

describe('what is secret', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack());
  });

  /** Logs of all processes that have one of the needles. */
  const inLogs = async (needles: readonly string[]): Promise<string[]> => {
    const folder = join(fairway.stack.folder, 'logs');
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const texts = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')));
    expect(texts.join('').length).toBeGreaterThan(1000);
    return files.flatMap(({ name }, index) => (needles.some((needle) => texts[index]?.includes(needle)) ? [name] : []));
  };

  /** A command of automation. */
  const command = async (verb: string, content: object): Promise<unknown> => {
    const { stack } = fairway;
    const url = stack.plan.nats.urlOf({ role: 'team', team: stackPlace.team });
    await using nats = await connectNats({ url, name: 'automation', log: silentLogger() });
    const subject = subjects.command(stackPlace.team, stackPlace.region, verb);
    const request = JSON.stringify({ v: 1, token: stack.apiToken, ...content });
    return commandReplySchema.parse((await nats.nc.request(subject, request, { timeout: 20_000 })).json()).body;
  };

  it('stands in no stream, key, log, process argument or object but the Secret: tokens and prompts', async () => {
    const canary = (what: string): string => `canary-${what}-${randomBytes(12).toString('hex')}`;
    const [huggingFace, later, prompt] = ['hugging-face', 'later', 'prompt'].map(canary) as [string, string, string];
    const overNats = canary('over-nats');
    await using sniffer = await connectNats({ url: fairway.stack.plan.nats.url, name: 'test', log: silentLogger() });
    const heard: { subject: string; text: string }[] = [];
    sniffer.nc.subscribe('>', {
      callback: (_, { subject, data }) => void heard.push({ subject, text: Buffer.from(data).toString('latin1') }),
    });
    const made = await fairway.api('POST', '', {
      body: { spec: createSpec('canary', 1), access_tokens: { hugging_face_token: huggingFace } },
    });
    const { dedicated_inference: endpoint, token } = made.body as {
      dedicated_inference: { id: string };
      token: { value: string };
    };
    await fairway.untilActive(endpoint.id, 1);
    await fairway.api('PATCH', `/${endpoint.id}`, { body: { access_tokens: { hugging_face_token: later } } });
    await fairway.untilActive(endpoint.id, 1);
    const second = await fairway.api('POST', `/${endpoint.id}/tokens`, { body: { name: 'second' } });
    const messages = [{ role: 'user' as const, content: prompt }];
    const client = fairway.openai(token.value);
    await client.chat.completions.create({ model: testModel, messages, max_tokens: 4 });
    await expect(client.chat.completions.create({ model: prompt, messages })).rejects.toMatchObject({ status: 404 });
    const { sealing_key: key } = sealingKeyReplySchema.parse(await command('sealing_key', {}));
    const sealed = { key_id: key.key_id, ...(await seal(overNats, key.info, key.public_key)) };
    const body = { spec: createSpec('by-command', 1), access_tokens: { sealed_hugging_face_token: sealed } };
    const commanded = createReplySchema.parse(await command('create', { body }));
    await fairway.untilActive(commanded.dedicated_inference.id, 1);
    const wrong = `${token.value.slice(0, -4)}0000`;
    await expect(fairway.openai(wrong).models.list()).rejects.toMatchObject({ status: 401 });

    const plain = [huggingFace, later, prompt, token.value, wrong, fairway.stack.apiToken];
    plain.push((second.body as { token: { value: string } }).token.value, commanded.token.value ?? '', overNats);
    const needles = [...plain, ...plain.map((text) => Buffer.from(text).toString('base64').replace(/=+$/, ''))];
    expect(await inLogs(needles)).toEqual([]);
    const secret = ' /api/v1/secrets ';
    const found = await findLeftovers(fairway.stack.plan, needles, true);
    expect(found.filter((where) => !where.includes(secret))).toEqual([]);
    const namespaces = found.filter((where) => where.includes(secret));
    expect(namespaces.length).toBeGreaterThanOrEqual(2);
    // A command carries its API token and its answer a new token, as HTTP does: NATS has TLS for that. Nothing else is said.
    const said = heard.filter(({ text }) => needles.some((needle) => text.includes(needle)));
    const commands = subjects.command(stackPlace.team, stackPlace.region, '');
    expect(said.filter(({ subject }) => !subject.startsWith(commands) && !subject.startsWith('_R_'))).toEqual([]);
    const secrets = [huggingFace, later, prompt, overNats];
    expect(said.filter(({ text }) => secrets.some((needle) => text.includes(needle)))).toEqual([]);
    expect(heard.some(({ subject }) => subject === subjects.spec(commanded.dedicated_inference.id))).toBe(true);
  });
});
