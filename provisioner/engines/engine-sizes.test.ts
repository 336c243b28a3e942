import { expect, it } from 'vitest';
import { sampleSpec } from '../testing/sample-endpoint.ts';
import { engineSizes } from './engine-sizes.ts';
import { llamaCpp } from './llama-cpp.ts';
import { sim } from './sim.ts';
import { vllm } from './vllm.ts';

const [mistral] = sampleSpec(1).deployments;
if (mistral === undefined) throw new Error('the sample has a deployment');
const asking = { ...mistral, engine: { contextTokens: 8192 } };
const unknown = { ...mistral, slug: 'x', providerModelId: 'somebody/x' };

it.each([
  // (171.11149707 − 14.5) · 10⁹ / 131,072
  { what: 'the catalogue’s context and room', deployment: mistral, profile: vllm, sizes: [32_768, 1_194_850] },
  { what: 'the context that is asked for', deployment: asking, profile: vllm, sizes: [8192, 1_194_850] },
  { what: 'its profile’s, of an unknown model', deployment: unknown, profile: vllm, sizes: [262_144, 970_000] },
  { what: 'one context', deployment: asking, profile: llamaCpp, sizes: [8192, 8192] },
  { what: 'its own', deployment: mistral, profile: sim, sizes: [262_144, 970_000] },
])('routers reckon with $what for $profile.name', ({ deployment, profile, sizes: [contextTokensMax, kvTokens] }) => {
  expect(engineSizes(deployment, profile)).toEqual({ contextTokensMax, kvTokens });
});

it('the smallest of several GPU sizes counts', () => {
  const [group] = mistral.accelerators;
  if (group === undefined) throw new Error('the sample has a group');
  const both = { ...mistral, accelerators: [group, { ...group, slug: 'gpu-h100x1-80gb' }] };
  expect(engineSizes(both, vllm).kvTokens).toBe(433_322);
});
