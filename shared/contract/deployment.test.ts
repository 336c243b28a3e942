import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { gpuSizes } from './catalogue/catalog.ts';
import { createRequestSchema, listQuerySchema, patchRequestSchema, scaleMax, pageQuerySchema } from './deployment.ts';
import { dedicatedInferenceSchema } from './resource.ts';
import { wireStatuses } from './lifecycle.ts';

const vpc = '5a4981aa-9653-4bd1-bef5-d6bff52042e4';
const model = {
  model_slug: 'mistral/mistral-7b-instruct-v3',
  model_provider: 'hugging_face',
  provider_model_id: 'mistralai/Mistral-7B-Instruct-v0.3',
  workload_config: {},
  accelerators: [{ scale: 2, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' }],
};
const spec = {
  version: 1,
  name: 'n',
  region: 'atl1',
  vpc: { uuid: vpc },
  enable_public_endpoint: true,
  model_deployments: [model],
};
const { vpc: _vpc, ...specWithoutVpc } = spec;
const { provider_model_id: _providerModelId, workload_config: _workload, ...modelOfOpenapi } = model;

/** The dotted paths of everything that a schema found. */
const problemPaths = (error: z.ZodError): string[] =>
  error.issues.flatMap((issue) =>
    (issue.code === 'unrecognized_keys' ? issue.keys : ['']).map((key) =>
      [...issue.path, key].filter((part) => part !== '').join('.'),
    ),
  );

/** Bodies as the clients send them. */
const creates: [client: string, body: unknown][] = [
  ['the API reference', { spec, access_tokens: { hugging_face_token: 'hf_x' } }],
  ['godo and doctl', { spec: { ...spec, vpc: null }, secrets: { hugging_face_token: 'hf_x' } }],
  ['doctl without a token', { spec: { ...spec, vpc: null }, secrets: {} }],
  [
    'godo with an empty provider_model_id',
    { spec: { ...spec, model_deployments: [{ ...model, provider_model_id: '' }] }, secrets: null },
  ],
  [
    'DoTs, which leaves vpc out',
    { spec: { ...specWithoutVpc, model_deployments: [modelOfOpenapi] }, access_tokens: {} },
  ],
  ['an empty vpc', { spec: { ...spec, vpc: { uuid: '' } } }],
  ['version 0 (MCP)', { spec: { ...spec, version: 0 } }],
  [
    'prefill and decode apart',
    {
      spec: {
        ...spec,
        model_deployments: [
          {
            ...model,
            accelerators: [
              { scale: 1, type: 'prefill', accelerator_slug: 'gpu-h100x8-640gb' },
              { scale: 3, type: 'decode', accelerator_slug: 'gpu-h100x1-80gb' },
            ],
          },
        ],
      },
    },
  ],
  [
    'a spec that was read from a reply',
    {
      spec: {
        ...spec,
        id: vpc,
        dedicated_inference_id: vpc,
        state: 'active',
        status: 'active',
        vpc_config: { vpc_uuid: vpc },
        created_at: '2026-11-22T18:00:00Z',
        updated_at: '2026-11-22T18:00:00Z',
        model_deployments: [
          {
            ...model,
            model_id: vpc,
            accelerators: [{ ...model.accelerators[0], accelerator_id: vpc, state: 'active', status: 'active' }],
          },
        ],
      },
    },
  ],
  ['another provider', { spec: { ...spec, model_deployments: [{ ...model, model_provider: 'modelcatalog' }] } }],
];

describe('a create', () => {
  it.each(creates)('is accepted from %s', (_client, body) => {
    expect(createRequestSchema.safeParse(body).error).toBeUndefined();
  });

  it('takes every size of the catalogue and every region', () => {
    for (const { slug } of gpuSizes) {
      const accelerators = [{ scale: 1, type: 'prefill_decode', accelerator_slug: slug }];
      expect(
        createRequestSchema.safeParse({ spec: { ...spec, model_deployments: [{ ...model, accelerators }] } }).success,
      ).toBe(true);
    }
    for (const region of ['atl1', 'nyc2', 'tor1'])
      expect(createRequestSchema.safeParse({ spec: { ...spec, region } }).success).toBe(true);
  });

  it('reports every problem at once, each with its path', () => {
    const result = createRequestSchema.safeParse({
      spec: {
        name: 'no spaces',
        region: 'fra1',
        vpc: { uuid: 'x' },
        enable_public_endpoint: 'yes',
        autoscaling: {},
        model_deployments: [
          { model_provider: 'acme', accelerators: [{ scale: 0, type: 'train', accelerator_slug: 'gpu-of-dreams' }] },
          { accelerators: [] },
        ],
      },
      secrets: { other_token: 'x' },
    });
    const paths = result.success ? [] : problemPaths(result.error);
    expect(paths.toSorted()).toEqual(
      [
        'secrets.other_token',
        'spec.autoscaling',
        'spec.enable_public_endpoint',
        'spec.model_deployments.0.accelerators.0.accelerator_slug',
        'spec.model_deployments.0.accelerators.0.scale',
        'spec.model_deployments.0.accelerators.0.type',
        'spec.model_deployments.0.model_provider',
        'spec.model_deployments.1.accelerators',
        'spec.name',
        'spec.region',
        'spec.vpc.uuid',
      ].toSorted(),
    );
  });

  it.each([
    ['spec', {}],
    ['spec.name', { spec: { region: 'atl1', model_deployments: [model] } }],
    ['spec.model_deployments', { spec: { name: 'n', region: 'atl1', model_deployments: [] } }],
    ['spec.name', { spec: { ...spec, name: 'x'.repeat(256) } }],
    ['spec.name', { spec: { ...spec, name: 'a b' } }],
    ['spec.version', { spec: { ...spec, version: 1.5 } }],
  ])('is refused for %s', (path, body) => {
    const result = createRequestSchema.safeParse(body);
    expect(result.success ? [] : problemPaths(result.error)).toEqual([path]);
  });

  it.each([1, scaleMax])('takes scale %i', (scale) => {
    const accelerators = [{ ...model.accelerators[0], scale }];
    expect(
      createRequestSchema.safeParse({ spec: { ...spec, model_deployments: [{ ...model, accelerators }] } }).success,
    ).toBe(true);
  });

  it.each([0, -1, 1.5, '2', scaleMax + 1, null])('refuses scale %j', (scale) => {
    const accelerators = [{ ...model.accelerators[0], scale }];
    expect(
      createRequestSchema.safeParse({ spec: { ...spec, model_deployments: [{ ...model, accelerators }] } }).success,
    ).toBe(false);
  });
});

describe('a patch', () => {
  it('may be whole or in part, and defaults nothing', () => {
    expect(patchRequestSchema.parse({})).toEqual({});
    expect(patchRequestSchema.parse({ spec: {} })).toEqual({ spec: {} });
    expect(patchRequestSchema.parse({ spec: { model_deployments: [modelOfOpenapi] } }).spec).not.toHaveProperty(
      'enable_public_endpoint',
    );
    for (const [client, body] of creates)
      expect([client, patchRequestSchema.safeParse(body).success]).toEqual([client, true]);
  });
});

describe('the query of a list', () => {
  it('has defaults and takes numbers as text', () => {
    expect(listQuerySchema.parse({})).toEqual({ page: 1, per_page: 20 });
    expect(listQuerySchema.parse({ page: '3', per_page: '200', region: 'nyc2', name: 'a' })).toEqual({
      page: 3,
      per_page: 200,
      region: 'nyc2',
      name: 'a',
    });
  });

  it.each([
    { page: '0' },
    { page: '-1' },
    { page: '1.5' },
    { page: 'x' },
    { page: '1e999' },
    { per_page: '0' },
    { per_page: '201' },
    { region: 'fra1' },
    { name: 'x'.repeat(256) },
  ])('refuses %o', (query) => {
    expect(listQuerySchema.safeParse(query).success).toBe(false);
  });
});

describe('statuses on the wire', () => {
  it('are exactly DigitalOcean’s', () => {
    expect(wireStatuses.toSorted()).toEqual(['active', 'deleting', 'error', 'new', 'provisioning', 'updating']);
    expect(dedicatedInferenceSchema.shape.status.options).toEqual(wireStatuses);
  });
});

describe('names of models', () => {
  const problems = (name: unknown): string[] => {
    const of = (parts: object) =>
      createRequestSchema.safeParse({ spec: { ...spec, model_deployments: [{ ...model, ...parts }] } });
    const [slug, id] = [of({ model_slug: name }), of({ provider_model_id: name })];
    return [...(slug.error ? problemPaths(slug.error) : []), ...(id.error ? problemPaths(id.error) : [])];
  };

  it.each([
    'mistral/mistral-7b-instruct-v3',
    'meta-llama/Llama-3.1-8B_v2',
    'gpt2',
    'hf.co/org/model',
    'org/m:q4_K_M',
    'org/m@main',
    'a--b',
  ])('may be %s', (name) => {
    expect(problems(name)).toEqual([]);
  });

  it.each([
    '--host',
    '-m',
    '../../etc/passwd',
    'a/../b',
    'a/.hidden',
    '/etc/passwd',
    'a//b',
    'a/b/',
    'a\nb',
    'a\n',
    '\na',
    'a b',
    'a\u0000b',
    'a;b',
    '$(a)',
    "a'b",
    'a"b',
    'a\\b',
    'a:b:c',
    'a..b',
    'a/b/c/d/e',
    '模型/测试',
    'x'.repeat(256),
  ])('may not be %j', (name) => {
    expect(problems(name)).toEqual([
      'spec.model_deployments.0.model_slug',
      'spec.model_deployments.0.provider_model_id',
    ]);
  });

  it.each(['hf_x\ny', 'hf x', 'hf_ü', 'hf_\u0000'])('stand beside a token that is one line: not %j', (token) => {
    for (const member of ['access_tokens', 'secrets']) {
      const { error } = createRequestSchema.safeParse({ spec, [member]: { hugging_face_token: token } });
      expect(error && problemPaths(error)).toEqual([`${member}.hugging_face_token`]);
    }
  });
});

describe('a number of a query', () => {
  it.each(['', ' 1', '\f', '1e2', '0x10', '+1', '-1', '1.0', '201'])('is not %j', (per_page) => {
    expect(pageQuerySchema.safeParse({ per_page }).success).toBe(false);
  });

  it.each([true, null, [2], 1.5])('of a command over NATS is not %j', (per_page) => {
    expect(pageQuerySchema.safeParse({ per_page }).success).toBe(false);
  });

  it('is what its digits say', () => {
    expect(pageQuerySchema.parse({ page: '2', per_page: '007' })).toEqual({ page: 2, per_page: 7 });
    expect(pageQuerySchema.parse({ page: 2 })).toEqual({ page: 2, per_page: 20 });
    expect(pageQuerySchema.parse({})).toEqual({ page: 1, per_page: 20 });
  });
});
