import { describe, expect, it } from 'vitest';
import { modelIdOf, readTarget } from './raw-target.ts';

const modelsPath = '/v1/models';
const read = (url: string, host: string | undefined = 'a') => {
  const incoming = { url, headers: { host }, rawHeaders: ['Host', host] };
  readTarget(incoming, [modelsPath]);
  return { url: incoming.url, headers: incoming.headers };
};
const plain =
  '/v1/chat/completions /v1/completions?x=%2f /v1/models /v1/models/Qwen%2FQwen2.5-7B /v1/models/gpt-4:x /v1/models/a/b / /metrics';
const refused = String.raw`//v1/chat/completions /v1//chat/completions /v1/chat/completions/ /v1/../v1/models /v1/./models
  /v1\chat\completions /v1%2fchat/completions /v1/%2e%2e/x /v1/models/a%2f..%2fb /v1/models/a%2f%2fb /v1/models//a
  v1/models /v1/models/a%5cb /v1/models/a%252fb /v1/models/ /v1/models/.. /v1/models/%zz /v1/models/%ff /v1/models/a%00b
  /v1/models/a%0ab http://host/v1//x ftp://host/v1/models * `;

describe('raw targets', () => {
  it.each(plain.split(' '))('takes %s', (path) => expect(read(path).url).toBe(path));

  it.each(['', ...refused.trim().split(/\s+/)])('refuses "%s"', (path) =>
    expect(() => read(path)).toThrow('invalid_path'),
  );

  it('takes the absolute form: its host counts, not the header', () => {
    for (const [target, url] of [
      ['http://end.example:80/v1/models?a=b', '/v1/models?a=b'],
      ['HTTP://end.example:80', '/'],
      ['https://end.example:80?a', '/?a'],
    ] as const)
      expect(read(target, 'other')).toEqual({ url, headers: { host: 'end.example:80' } });
  });

  it.each([undefined, '', 'a b', 'a/b', 'http://a'])('refuses the host %s', (host) => {
    const incoming = { url: '/', headers: host === undefined ? {} : { host }, rawHeaders: [] };
    expect(() => readTarget(incoming, [modelsPath])).toThrow('bad_request');
  });
});

describe('model ids in a target', () => {
  const latin1 = (text: string): string => Buffer.from(text).toString('latin1');
  it.each([
    ['Qwen/Qwen2.5', '/v1/models/Qwen%2fQwen2.5?a=b'],
    ...['org/m:tag', '模型/测试', 'org/m@rev', 'a b', 'a/b/c', "it's", 'a?b#c'].map((id) => [
      id,
      `/v1/models/${encodeURIComponent(id)}`,
    ]),
    ['org/m:tag', '/v1/models/org/m:tag'],
    ['org/m@rev', '/v1/models/org/m%40rev'],
    ['模型/测试', `/v1/models/${latin1('模型/测试')}`],
  ])('%s is written %s', (id, target) => {
    expect(() => read(target ?? '')).not.toThrow();
    expect(modelIdOf(target ?? '', modelsPath)).toBe(id);
  });
});
