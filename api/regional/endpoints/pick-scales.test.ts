import { describe, expect, it } from 'vitest';
import { patchRequestSchema } from '#shared/contract/deployment.ts';
import { specDocument } from '#shared/testing/documents.ts';
import { pickScales } from './pick-scales.ts';

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

function pick(spec: unknown): { scales?: number[]; changed?: boolean; paths?: string[] } {
  const result = pickScales(patchRequestSchema.parse({ spec }), present);
  if ('problems' in result) {
    for (const { message } of result.problems) expect(message).toContain('only scale can be changed in this version');
    return { paths: result.problems.map(({ path }) => path) };
  }
  const scales = result.deployments.flatMap((model) => model.accelerators.map((group) => group.scale));
  return { scales, changed: result.changed };
}

describe('a change of scale', () => {
  it('by model_id, in any order, with equal values elsewhere', () => {
    const picked = pick({
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
    expect(picked).toEqual({ scales: [4, 5, 9], changed: true });
  });

  it('without ids: by place, else by slug', () => {
    expect(
      pick({ model_deployments: [{ accelerators: [prefill(1), decode(7)] }, { accelerators: [whole(3)] }] }),
    ).toEqual({
      scales: [1, 7, 3],
      changed: true,
    });
    expect(
      pick({
        model_deployments: [
          { model_id: '', model_slug: 'two/model', accelerators: [whole(6)] },
          {
            model_id: '',
            model_slug: 'one/model',
            provider_model_id: 'one/Model-HF',
            accelerators: [prefill(1), decode(2)],
          },
        ],
      }),
    ).toEqual({ scales: [1, 2, 6], changed: true });
  });

  it('is none when nothing is given or all is equal', () => {
    expect(pick({})).toEqual({ scales: [1, 2, 3], changed: false });
    expect(pick({ vpc: null, vpc_config: {}, state: 'active' })).toEqual({ scales: [1, 2, 3], changed: false });
  });

  const first = { model_id: id('a'), accelerators: [prefill(1), decode(2)] };
  const second = { model_id: id('d'), accelerators: [whole(3)] };
  it.each([
    { what: 'another name', spec: { name: 'other' }, paths: ['spec.name'] },
    { what: 'another region', spec: { region: 'nyc2' }, paths: ['spec.region'] },
    { what: 'a model left out', spec: { model_deployments: [first] }, paths: ['spec.model_deployments'] },
    {
      what: 'a model added',
      spec: { model_deployments: [first, second, { model_slug: 'three/model', accelerators: [whole(1)] }] },
      paths: ['spec.model_deployments.2'],
    },
    {
      what: 'an unknown model_id',
      spec: { model_deployments: [first, { ...second, model_id: id('f') }] },
      paths: ['spec.model_deployments.1'],
    },
    {
      what: 'another model under the same id',
      spec: {
        model_deployments: [
          { ...first, model_slug: 'x/y', provider_model_id: 'z', model_provider: 'modelcatalog' },
          second,
        ],
      },
      paths: [
        'spec.model_deployments.0.model_slug',
        'spec.model_deployments.0.provider_model_id',
        'spec.model_deployments.0.model_provider',
      ],
    },
    {
      what: 'another GPU',
      spec: {
        model_deployments: [
          first,
          { model_id: id('d'), accelerators: [whole(3, { accelerator_slug: 'gpu-h100x1-80gb' })] },
        ],
      },
      paths: ['spec.model_deployments.1.accelerators.0'],
    },
    {
      what: 'an accelerator left out',
      spec: { model_deployments: [{ ...first, accelerators: [prefill(1)] }, second] },
      paths: ['spec.model_deployments.0.accelerators'],
    },
    {
      what: 'an engine setting',
      spec: { model_deployments: [{ ...first, workload_config: { a: 1 } }, second] },
      paths: ['spec.model_deployments.0.workload_config'],
    },
  ])('refuses $what and says so', ({ spec, paths }) => {
    expect(pick(spec)).toEqual({ paths });
  });
});
