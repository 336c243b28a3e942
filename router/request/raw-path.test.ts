import { describe, expect, it } from 'vitest';
import { assertPlainPath, modelIdOf } from './raw-path.ts';

const plain =
  '/v1/chat/completions /v1/completions?x=%2f /v1/models /v1/models/Qwen%2FQwen2.5-7B /v1/models/gpt-4:x /v1/models/a/b / /metrics';
const refused = String.raw`//v1/chat/completions /v1//chat/completions /v1/chat/completions/ /v1/../v1/models /v1/./models
  /v1\chat\completions /v1%2fchat/completions /v1/%2e%2e/x /v1/models/a%2f..%2fb /v1/models/a%2f%2fb /v1/models//a
  http://host/v1/models v1/models /v1/models/a%5cb /v1/models/a%252fb * `;

describe('raw paths', () => {
  it.each(plain.split(' '))('takes %s', (path) => expect(() => assertPlainPath(path)).not.toThrow());

  it.each(['', ...refused.trim().split(/\s+/)])('refuses "%s"', (path) =>
    expect(() => assertPlainPath(path)).toThrow('invalid_path'),
  );

  it('decodes a slash inside a model id', () => {
    expect(modelIdOf('/v1/models/Qwen%2fQwen2.5?a=b')).toBe('Qwen/Qwen2.5');
  });
});
