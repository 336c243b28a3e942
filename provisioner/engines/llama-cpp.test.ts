import { expect, it } from 'vitest';
import { llamaCpp } from './llama-cpp.ts';

it('is told the whole context, which is the size of its cache', () => {
  const args = llamaCpp.args({
    port: 8080,
    gpus: 1,
    model: 'm',
    weights: { repository: 'org/m' },
    contextTokens: 32_768,
    arguments: {},
  });
  expect(args.join(' ')).toBe('--host $(POD_IP) --port 8080 -hf org/m --alias m --ctx-size 32768 --metrics');
  expect(llamaCpp.kvBound).toBe('context');
});

it('has an image for either maker', () => {
  const of = (maker: 'nvidia' | 'amd'): string => llamaCpp.image('b11434', { maker, model: '' });
  expect(of('nvidia')).toBe('ghcr.io/ggml-org/llama.cpp:server-cuda-b11434');
  expect(of('amd')).toBe('ghcr.io/ggml-org/llama.cpp:server-rocm-b11434');
});

it('lets each of several requests have the whole context', () => {
  const start = { port: 8080, gpus: 1, model: 'm', weights: { repository: 'org/m' }, contextTokens: undefined };
  const args = llamaCpp.args({ ...start, arguments: { parallel: 8, cache_type_k: 'q8_0' } });
  expect(args.join(' ')).toContain('--metrics --kv-unified --parallel 8 --cache-type-k q8_0');
});
