import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
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

  it('stands in no stream, key, log, process argument or object but the Secret: tokens and prompts', async () => {
    const canary = (what: string): string => `canary-${what}-${randomBytes(12).toString('hex')}`;
    const [huggingFace, later, prompt] = ['hugging-face', 'later', 'prompt'].map(canary) as [string, string, string];
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
    const wrong = `${token.value.slice(0, -4)}0000`;
    await expect(fairway.openai(wrong).models.list()).rejects.toMatchObject({ status: 401 });

    const plain = [huggingFace, later, prompt, token.value, wrong, fairway.stack.apiToken];
    plain.push((second.body as { token: { value: string } }).token.value);
    const needles = [...plain, ...plain.map((text) => Buffer.from(text).toString('base64').replace(/=+$/, ''))];
    expect(await inLogs(needles)).toEqual([]);
    const secret = ' /api/v1/secrets ';
    const found = await findLeftovers(fairway.stack.plan, needles, true);
    expect(found.filter((where) => !where.includes(secret))).toEqual([]);
    expect(found.filter((where) => where.includes(secret))).not.toEqual([]);
  });
});
