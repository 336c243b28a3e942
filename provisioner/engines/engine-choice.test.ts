import { expect, it } from 'vitest';
import { readEngineChoice } from './engine-choice.ts';

const name = (text: string, slug: string, providerModelId: string): string | undefined =>
  readEngineChoice(text)?.({ slug, providerModelId }).name;

it('takes one engine for everything and others for models by slug or by the provider’s id', () => {
  expect(name('sim', 'a', 'x/a')).toBe('sim');
  expect(name('vllm,a=sim, x/b=llama-cpp', 'a', 'x/a')).toBe('sim');
  expect(name('vllm,a=sim, x/b=llama-cpp', 'b', 'x/b')).toBe('llama-cpp');
  expect(name('vllm,a=sim, x/b=llama-cpp', 'c', 'x/c')).toBe('vllm');
});

it.each(['', 'nobody', 'a=sim', 'sim,vllm', 'sim,a=sim,a=vllm', 'sim,'])('refuses %j', (text) => {
  expect(readEngineChoice(text)).toBeNull();
});

it('takes the engine that the spec itself asks for first', () => {
  const asked = { slug: 'a', providerModelId: 'x/a', engine: { engine: 'sglang' as const } };
  expect(readEngineChoice('vllm,a=sim')?.(asked).name).toBe('sglang');
});
