import { describe, expect, it } from 'vitest';
import { AppError } from '#shared/contract/errors.ts';
import { createBody } from '../testing/create-body.ts';
import { readCreateOrder } from './create-order.ts';

function pathsOf(body: unknown): string[] {
  try {
    readCreateOrder(body, 'atl1');
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    for (const { message } of error.problems) expect(message.length).toBeGreaterThan(5);
    return error.problems.map(({ path }) => path);
  }
}

const group = (type: string): unknown => ({ scale: 1, type, accelerator_slug: 'gpu-h100x1-80gb' });
const models = (...deployments: unknown[]): unknown => createBody('n', { model_deployments: deployments });

describe('a create is read', () => {
  it('the same from both dialects', () => {
    const godo = readCreateOrder({ ...createBody('n'), secrets: { hugging_face_token: 'hf' } }, 'atl1');
    const dots = readCreateOrder(
      { ...createBody('n', { vpc: { uuid: '' }, version: 1 }), access_tokens: { hugging_face_token: 'hf' } },
      'atl1',
    );
    expect(JSON.stringify(dots)).toBe(JSON.stringify(godo));
    expect(godo).toMatchObject({ vpcId: null, huggingFaceToken: 'hf' });
  });

  it('with one name of the model standing for the other', () => {
    const [slugOnly] = readCreateOrder(
      Object(models({ model_slug: 'a/b', accelerators: [group('prefill_decode')] })),
      'atl1',
    ).deployments;
    expect(slugOnly).toMatchObject({ slug: 'a/b', providerModelId: 'a/b', provider: 'hugging_face' });
    const [idOnly] = readCreateOrder(
      models({ model_slug: '', provider_model_id: 'c/d', accelerators: [group('prefill_decode')] }),
      'atl1',
    ).deployments;
    expect(idOnly).toMatchObject({ slug: 'c/d', providerModelId: 'c/d' });
  });

  it('with prefill and decode together', () => {
    const both = { model_slug: 'a/b', accelerators: [group('prefill'), group('decode')] };
    expect(pathsOf(models(both))).toEqual([]);
    expect(pathsOf(models({ ...both, accelerators: [group('prefill')] }))).toEqual([
      'spec.model_deployments.0.accelerators',
    ]);
  });

  it.each([
    { what: 'nothing', body: {}, paths: ['spec'] },
    { what: 'a spec that is text', body: { spec: 'x' }, paths: ['spec'] },
    { what: 'null models', body: createBody('n', { model_deployments: null }), paths: ['spec.model_deployments'] },
    {
      what: 'a model that is null',
      body: models(null),
      paths: ['spec.model_deployments.0', 'spec.model_deployments.0.model_slug'],
    },
    { what: 'a long name', body: createBody('n'.repeat(256)), paths: ['spec.name'] },
    {
      what: 'half a replica',
      body: models({ model_slug: 'a', accelerators: [{ ...Object(group('prefill_decode')), scale: 1.5 }] }),
      paths: ['spec.model_deployments.0.accelerators.0.scale'],
    },
    {
      what: 'one model twice',
      body: models(...Array.from({ length: 2 }, () => ({ model_slug: 'a', accelerators: [group('prefill_decode')] }))),
      paths: ['spec.model_deployments.1.model_slug'],
    },
    {
      what: 'a model that its second group cannot hold, though prefill is missing too',
      body: models({
        model_slug: 'coder',
        provider_model_id: 'Qwen/Qwen3-Coder-30B-A3B-Instruct',
        accelerators: [{ ...Object(group('decode')), accelerator_slug: 'gpu-mi300x1-192gb' }, group('decode')],
      }),
      paths: ['spec.model_deployments.0.accelerators', 'spec.model_deployments.0.accelerators.1.accelerator_slug'],
    },
    {
      what: 'a secret that is a number',
      body: { ...createBody('n'), secrets: { hugging_face_token: 5 } },
      paths: ['secrets.hugging_face_token'],
    },
    {
      what: 'an own __proto__',
      body: JSON.parse(`{"__proto__":{"a":1},"spec":${JSON.stringify(createBody('n').spec)}}`),
      paths: ['__proto__'],
    },
  ])('and $what is refused with its path', ({ body, paths }) => {
    expect(pathsOf(body)).toEqual(paths);
  });
});
