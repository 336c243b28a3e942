import { describe, expect, it } from 'vitest';
import { readWeightChoice, weightsFor } from './weights.ts';

const of = (text: string, providerModelId = 'x/a', weights: 'safetensors' | 'gguf' = 'safetensors') =>
  readWeightChoice(text)?.({ slug: 'a', providerModelId }, { weights }) ?? null;

describe('where weights come from', () => {
  it('is the hub, in the form that the engine reads, where nothing is said', () => {
    expect(of('')).toEqual({ kind: 'hub', repository: 'x/a' });
    expect(of('', 'openai/gpt-oss-120b', 'gguf')).toEqual({ kind: 'hub', repository: 'ggml-org/gpt-oss-120b-GGUF' });
    expect(of('', 'x/a-GGUF', 'gguf')).toEqual({ kind: 'hub', repository: 'x/a-GGUF' });
    expect(readWeightChoice('a=s3://b/c')?.({ slug: 'a', providerModelId: '' }, { weights: null })).toBeNull();
  });

  it.each([
    ['a=hf://org/other:Q8_0', { kind: 'hub', repository: 'org/other:Q8_0' }, { repository: 'org/other:Q8_0' }],
    ['x/a=s3://models/a', { kind: 'storage', bucketPath: 'models/a', path: '' }, { path: '/weights' }],
    [
      'a=s3://models/a#a.gguf',
      { kind: 'storage', bucketPath: 'models/a', path: 'a.gguf' },
      { path: '/weights/a.gguf' },
    ],
    ['b=hf://x/b, a=pvc://nfs', { kind: 'claim', storageClass: 'nfs', path: '' }, { path: '/weights' }],
    ['a=pvc://nfs/a/v1', { kind: 'claim', storageClass: 'nfs', path: 'a/v1' }, { path: '/weights/a/v1' }],
    [
      'a=oci://ghcr.io/org/a:v1@sha256:0f#a.gguf',
      { kind: 'image', reference: 'ghcr.io/org/a:v1@sha256:0f', path: 'a.gguf' },
      { path: '/weights/a.gguf' },
    ],
  ])('is what %s says', (text, source, weights) => {
    expect(of(text)).toEqual(source);
    expect(weightsFor(of(text))).toEqual(weights);
  });

  it.each([
    'a',
    'a=',
    '=hf://x/a',
    'a=x/a',
    'a=https://x/a',
    'a=hf://x',
    'a=s3://',
    'a=s3://models/../other',
    'a=pvc://nfs/../../etc',
    'a=pvc://nfs//etc',
    'a=oci://image#/etc/passwd',
    'a=s3://b/c --config=x',
    'a=hf://x/a,a=hf://x/b',
  ])('is never %j', (text) => {
    expect(readWeightChoice(text)).toBeNull();
  });
});
