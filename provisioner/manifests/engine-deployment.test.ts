import { describe, expect, it } from 'vitest';
import { askedAnnotation } from './names.ts';
import { engineDeployment, type EngineGroup } from './engine-deployment.ts';
import { groupsOf } from './endpoint-objects.ts';
import { appliedSpec } from './applied-spec.ts';
import { portsOf } from './weights.ts';
import type { EngineProfile } from '../engines/engine-profile.ts';
import { profiles } from '../engines/engine-choice.ts';
import { kvEventsPort, kvReplayPort } from '../engines/engine-profile.ts';
import { llamaCpp } from '../engines/llama-cpp.ts';
import { vllm } from '../engines/vllm.ts';
import { sampleSettings, sampleSpec } from '../testing/sample-endpoint.ts';

const settings = sampleSettings.manifests;
const [sample] = groupsOf(appliedSpec(sampleSpec(1), 42), settings);
if (sample === undefined) throw new Error('the sample has a group');
const on = (slug: string, parts: Partial<EngineGroup>): EngineGroup => ({
  ...sample,
  ...parts,
  accelerator: { ...sample.accelerator, slug },
});
const sizes = ['gpu-h100x8-640gb', 'gpu-mi300x1-192gb'];
const hashOf = (group: EngineGroup): unknown =>
  engineDeployment(group, settings, 1).metadata.annotations?.[askedAnnotation];

describe('the Deployment of a group', () => {
  it.each([...profiles.values()])('is what it was for $name, on GPUs of either maker', async (profile) => {
    const objects = sizes.map((slug) => engineDeployment(on(slug, { profile }), settings, 1));
    await expect(`${JSON.stringify(objects, null, 2)}\n`).toMatchFileSnapshot(`./engine-${profile.name}.golden.json`);
  });

  it.each([
    ['storage', { kind: 'storage', bucketPath: 'models/mistral', path: '' }],
    ['claim', { kind: 'claim', storageClass: 'models', path: 'mistral' }],
    ['image', { kind: 'image', reference: 'registry.test/mistral:1', path: '' }],
  ] as const)('is what it was with weights from %s', async (name, source) => {
    const group = on('gpu-h100x1-80gb', { profile: vllm });
    const object = engineDeployment(group, { ...settings, weightsOf: () => source }, 1);
    await expect(`${JSON.stringify([object], null, 2)}\n`).toMatchFileSnapshot(`./weights-${name}.golden.json`);
  });

  it.each([...profiles.values()])('publishes KV events where that is asked for and $name can', (profile) => {
    const object = engineDeployment(on('gpu-h100x1-80gb', { profile }), { ...settings, kvEvents: true }, 1);
    expect(portsOf(object)).toEqual(
      profile.kvEvents === null ? [profile.port] : [profile.port, kvEventsPort, kvReplayPort],
    );
    expect(JSON.stringify(object).includes('kv-events-config')).toBe(['vllm', 'sglang', 'sim'].includes(profile.name));
  });

  it('tells llama.cpp which file it is', () => {
    const weightsOf = () => ({ kind: 'storage', bucketPath: 'models/m', path: 'm-q4.gguf' }) as const;
    const object = engineDeployment(on('gpu-h100x1-80gb', { profile: llamaCpp }), { ...settings, weightsOf }, 1);
    expect(JSON.stringify(object)).toContain('"--model","/weights/m-q4.gguf"');
    expect(JSON.stringify(object)).toContain('":s3:models/m","/weights"');
  });

  it('leaves a pod no longer after SIGTERM than its engine can use', () => {
    const graceOf = (profile: EngineProfile, graceMs: number): string | undefined =>
      /"terminationGracePeriodSeconds":(\d+)/.exec(
        JSON.stringify(
          engineDeployment(on('gpu-h100x1-80gb', { profile }), { ...settings, preStopMs: 2000, graceMs }, 1).spec,
        ),
      )?.[1];
    expect([graceOf(vllm, 615_000), graceOf(llamaCpp, 615_000), graceOf(llamaCpp, 10_000)]).toEqual([
      '617',
      '34',
      '12',
    ]);
  });

  it('asks for GPUs by the name that their maker’s nodes have, and stands their taint', () => {
    const text = (slug: string): string => JSON.stringify(engineDeployment(on(slug, {}), settings, 1));
    expect(text('gpu-h100x8-640gb')).toContain('"limits":{"nvidia.com/gpu":"8"}');
    expect(text('gpu-mi300x8-1536gb')).toContain('"limits":{"amd.com/gpu":"8"}');
    expect(text('gpu-mi300x8-1536gb')).not.toContain('nvidia.com');
    expect(text('gpu-abacus')).toContain('"limits":{"nvidia.com/gpu":"1"}');
  });

  it('runs the version and the context that the spec asks for, and only asking makes it another one', () => {
    const { deployment } = sample;
    const asked = { engine: 'vllm', version: '0.33.0', contextTokens: 65_536 } as const;
    const group = on('gpu-h100x1-80gb', { profile: vllm, deployment: { ...deployment, engine: asked } });
    const text = JSON.stringify(engineDeployment(group, settings, 1));
    expect(text).toContain('"image":"vllm/vllm-openai:v0.33.0"');
    expect(text).toContain('"--max-model-len=65536"');
    const before = on('gpu-h100x1-80gb', { profile: vllm });
    expect(hashOf(group)).not.toBe(hashOf(before));
    // Another build's template for the same words is no change that was asked for.
    expect(hashOf({ ...before, profile: { ...vllm, version: '9.9.9', args: () => [] } })).toBe(hashOf(before));
    const elsewhere = engineDeployment(before, { ...settings, weightsOf: () => null }, 1);
    expect(elsewhere.metadata.annotations?.[askedAnnotation]).toBe(hashOf(before));
  });
});
