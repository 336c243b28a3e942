import { describe, expect, it } from 'vitest';
import { patchRequestSchema } from '#shared/contract/deployment.ts';
import { specDocument } from '#shared/testing/documents.ts';
import { changeSpec } from './spec-change.ts';

const id = (letter: string): string => `00000000-0000-8001-8000-00000000000${letter}`;
const present = specDocument({
  deployments: [
    {
      modelId: id('a'),
      slug: 'one/model',
      provider: 'hugging_face',
      providerModelId: 'one/Model-HF',
      accelerators: [
        { acceleratorId: id('b'), slug: 'gpu-h100x1-80gb', type: 'prefill', scale: 1 },
        { acceleratorId: id('c'), slug: 'gpu-h100x1-80gb', type: 'decode', scale: 2 },
      ],
    },
    {
      modelId: id('d'),
      slug: 'two/model',
      provider: 'hugging_face',
      providerModelId: 'two/model',
      accelerators: [{ acceleratorId: id('e'), slug: 'gpu-mi300x1-192gb', type: 'prefill_decode', scale: 3 }],
    },
  ],
});
const coder = 'Qwen/Qwen3-Coder-30B-A3B-Instruct';
const prefill = (scale: number, more = {}) => ({
  scale,
  type: 'prefill',
  accelerator_slug: 'gpu-h100x1-80gb',
  ...more,
});
const decode = (scale: number, more = {}) => ({ scale, type: 'decode', accelerator_slug: 'gpu-h100x1-80gb', ...more });
const whole = (scale: number, more = {}) => ({
  scale,
  type: 'prefill_decode',
  accelerator_slug: 'gpu-mi300x1-192gb',
  ...more,
});

/** What comes of a PATCH: ids of models and groups with their counts, or the paths of what is wrong. */
function change(spec: unknown): { models?: string[]; kinds?: string[]; paths?: string[] } {
  const result = changeSpec(patchRequestSchema.parse({ spec }), present, (part) => `new ${part}`);
  if ('problems' in result) return { paths: result.problems.map(({ path }) => path) };
  const models = result.content.deployments.map(({ modelId, accelerators }) => {
    const groups = accelerators.map(
      ({ acceleratorId, scale }) => `${acceleratorId.replace(/^0.*(?=.$)/, '')}=${scale}`,
    );
    return `${modelId.replace(/^0.*(?=.$)/, '')}: ${groups.join(' ')}`;
  });
  return { models, kinds: [...result.kinds] };
}

const unchanged = { models: ['a: b=1 c=2', 'd: e=3'], kinds: [] };
const first = { model_id: id('a'), accelerators: [prefill(1), decode(2)] };
const second = { model_id: id('d'), accelerators: [whole(3)] };

describe('a change of a spec', () => {
  it('by ids, in any order, with equal values elsewhere', () => {
    const changed = change({
      name: 'assistant',
      region: 'atl1',
      vpc: { uuid: present.vpcId },
      enable_public_endpoint: true,
      model_deployments: [
        {
          model_id: id('d'),
          model_slug: 'two/model',
          provider_model_id: '',
          accelerators: [whole(9, { accelerator_id: id('e') })],
        },
        { model_id: id('a'), model_provider: 'hugging_face', accelerators: [decode(5), prefill(4)] },
      ],
    });
    expect(changed).toEqual({ models: ['d: e=9', 'a: c=5 b=4'], kinds: ['scale'] });
  });

  it('without ids: by place, else by name', () => {
    expect(
      change({ model_deployments: [{ accelerators: [prefill(1), decode(7)] }, { accelerators: [whole(3)] }] }),
    ).toEqual({ models: ['a: b=1 c=7', 'd: e=3'], kinds: ['scale'] });
    const named = { model_id: '', model_slug: 'one/model', provider_model_id: 'one/Model-HF' };
    expect(
      change({
        model_deployments: [
          { model_id: '', model_slug: 'two/model', accelerators: [whole(6)] },
          { ...named, accelerators: [prefill(1), decode(2)] },
        ],
      }),
    ).toEqual({ models: ['d: e=6', 'a: b=1 c=2'], kinds: ['scale'] });
  });

  it('is none when nothing is given or all is equal', () => {
    expect(change({})).toEqual(unchanged);
    expect(change({ vpc: null, vpc_config: {}, state: 'active' })).toEqual(unchanged);
    expect(change({ model_deployments: [second, first] }).kinds).toEqual([]);
  });

  const third = { model_slug: 'three/model', accelerators: [whole(1)] };
  it.each([
    { what: 'another name', spec: { name: 'other' }, models: unchanged.models, kinds: ['name'] },
    { what: 'a model left out', spec: { model_deployments: [first] }, models: ['a: b=1 c=2'], kinds: ['models'] },
    {
      what: 'a model added',
      spec: { model_deployments: [first, second, third] },
      models: [...unchanged.models, 'new model:2: new accelerator:2:0=1'],
      kinds: ['models'],
    },
    {
      what: 'a model in place of another',
      spec: { model_deployments: [first, third] },
      models: ['a: b=1 c=2', 'new model:1: new accelerator:1:0=1'],
      kinds: ['models'],
    },
    {
      what: 'another GPU',
      spec: {
        model_deployments: [first, { ...second, accelerators: [whole(3, { accelerator_slug: 'gpu-h100x1-80gb' })] }],
      },
      models: ['a: b=1 c=2', 'd: new accelerator:1:0=3'],
      kinds: ['accelerators'],
    },
    {
      what: 'another GPU under the same id',
      spec: {
        model_deployments: [
          first,
          { ...second, accelerators: [whole(3, { accelerator_id: id('e'), accelerator_slug: 'gpu-h100x1-80gb' })] },
        ],
      },
      models: ['a: b=1 c=2', 'd: new accelerator:1:0=3'],
      kinds: ['accelerators'],
    },
  ])('takes $what', ({ spec, models, kinds }) => {
    expect(change(spec)).toEqual({ models, kinds });
  });

  it.each([
    { what: 'another region', spec: { region: 'nyc2' }, paths: ['spec.region'] },
    { what: 'another VPC', spec: { vpc: { uuid: id('f') } }, paths: ['spec.vpc.uuid'] },
    { what: 'no public address', spec: { enable_public_endpoint: false }, paths: ['spec.enable_public_endpoint'] },
    {
      what: 'an unknown model_id',
      spec: { model_deployments: [first, { ...second, model_slug: 'two/model', model_id: id('f') }] },
      paths: ['spec.model_deployments.1.model_id'],
    },
    {
      what: 'another model under the same id',
      spec: { model_deployments: [{ ...first, model_slug: 'x/y' }, second] },
      paths: ['spec.model_deployments.0.model_slug'],
    },
    {
      what: 'another provider',
      spec: { model_deployments: [{ ...first, model_provider: 'modelcatalog' }, second] },
      paths: ['spec.model_deployments.0.model_slug'],
    },
    {
      what: 'the same model twice',
      spec: { model_deployments: [first, second, { model_slug: 'two/model', accelerators: [whole(1)] }] },
      paths: ['spec.model_deployments.2.model_slug'],
    },
    {
      what: 'an unknown accelerator',
      spec: { model_deployments: [first, { ...second, accelerators: [whole(3, { accelerator_id: id('f') })] }] },
      paths: ['spec.model_deployments.1.accelerators.0.accelerator_id'],
    },
    {
      what: 'prefill without decode',
      spec: { model_deployments: [{ ...first, accelerators: [prefill(1)] }, second] },
      paths: ['spec.model_deployments.0.accelerators'],
    },
    {
      what: 'a model that its GPUs cannot hold',
      spec: {
        model_deployments: [
          first,
          second,
          { model_slug: coder, accelerators: [whole(1), whole(1, { accelerator_slug: 'gpu-h100x1-80gb' })] },
        ],
      },
      paths: ['spec.model_deployments.2.accelerators.1.accelerator_slug'],
    },
    {
      what: 'an engine setting',
      spec: { model_deployments: [{ ...first, workload_config: { a: 1 } }, second] },
      paths: ['spec.model_deployments.0.workload_config'],
    },
  ])('refuses $what and says so', ({ spec, paths }) => {
    expect(change(spec).paths).toEqual(expect.arrayContaining(paths));
  });

  it('leaves alone what is there, whatever the catalogue thinks of it', () => {
    const [, model] = present.deployments;
    const accelerators = [
      { acceleratorId: id('e'), slug: 'gpu-h100x1-80gb', type: 'prefill_decode' as const, scale: 1 },
    ];
    const spec = {
      ...present,
      deployments: model ? [{ ...model, slug: coder, providerModelId: coder, accelerators }] : [],
    };
    const asked = (slug: string) =>
      patchRequestSchema.parse({
        spec: { model_deployments: [{ accelerators: [whole(4, { accelerator_slug: slug })] }] },
      });
    expect(changeSpec(asked('gpu-h100x1-80gb'), spec, (part) => part)).toMatchObject({ kinds: new Set(['scale']) });
    expect(changeSpec(asked('gpu-mi300x1-192gb'), spec, (part) => part)).toHaveProperty('content');
  });
});
