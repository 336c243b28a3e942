import { describe, expect, it } from 'vitest';
import type { ModelDeployment } from '#shared/contract/desired.ts';
import { specDocument } from '#shared/testing/documents.ts';
import { engineProblems } from './engine-problems.ts';

const modelId = '01900000-0000-8001-8000-000000000002';
const coder = 'Qwen/Qwen3-Coder-30B-A3B-Instruct';

function problems(size: string, asked: object, parts: Partial<ModelDeployment> = {}): string[] {
  const accelerators: ModelDeployment['accelerators'] = [
    { acceleratorId: modelId, slug: size, type: 'prefill_decode', scale: 1 },
  ];
  const model = {
    modelId,
    slug: coder,
    provider: 'hugging_face',
    providerModelId: coder,
    accelerators,
    ...parts,
  } as const;
  return engineProblems({ engines: [{ model_id: modelId, ...asked }] }, specDocument({ deployments: [model] })).map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

describe('engine settings', () => {
  it('are refused for a context that does not fit, with the arithmetic and what to take instead', () => {
    const small = { engine: { contextTokens: 65_536 } };
    expect(problems('gpu-h100x1-80gb', { context_tokens: 100_000 }, small)).toEqual([]);
    expect(problems('gpu-h100x1-80gb', { context_tokens: 200_000 }, small)).toEqual([
      `engines.0.context_tokens: cannot be: gpu-h100x1-80gb does not hold ${coder}: 61.1 GB of weights and 19.7 GB of KV cache ` +
        'for one session (200,000 tokens of 98,304 bytes) are 80.8 GB, and of its 85.9 GB of memory an engine can use 79.0 GB; ' +
        'choose gpu-mi300x1-192gb or gpu-mi300x8-1536gb or gpu-h100x8-640gb or gpu-mi350x1-288gb or gpu-mi350x8-2304gb',
    ]);
  });

  it('may not be left out where the model fits by them alone', () => {
    const small = { engine: { contextTokens: 65_536 } };
    expect(problems('gpu-h100x1-80gb', {}, small)[0]).toContain('25.8 GB of KV cache for one session (262,144 tokens');
    const other = engineProblems({ engines: [] }, specDocument({ deployments: [] }));
    expect(other).toEqual([]);
  });

  it('name an engine that has an image for the GPUs', () => {
    expect(problems('gpu-mi350x1-288gb', { engine: 'vllm' })).toEqual([]);
    expect(problems('gpu-mi300x1-192gb', { engine: 'llama-cpp' })).toEqual([]);
    expect(problems('gpu-mi350x1-288gb', { engine: 'llama-cpp' })).toEqual([
      'engines.0.engine: cannot serve this model: gpu-mi350x1-288gb is AMD MI350X, which llama-cpp has no image for',
    ]);
    expect(problems('gpu-abacus', { engine: 'llama-cpp' })).toEqual([]);
    expect(problems('gpu-abacus', { engine: 'sglang' }, { slug: 'a:b' })[0]).toContain('no model whose name has ":"');
  });

  it.each([
    ['vllm', '0.17.1', 'must be 0.18.0 or later'],
    ['sglang', '0.5.14', 'must be 0.5.15 or later'],
    ['llama-cpp', 'b9060', 'must be b9061 or later'],
    ['llama-cpp', '0.32.0', 'is no version of llama-cpp'],
    ['vllm', 'latest', 'is no version of vllm'],
    ['vllm', '0.33.0@sha256:0', 'is no version of vllm'],
  ])('are refused for %s %s: %s', (engine, version, message) => {
    expect(problems('gpu-h100x8-640gb', { engine, version })).toEqual([
      expect.stringMatching(new RegExp(`^engines.0.version: ${message}`)),
    ]);
  });

  it('name each model of the endpoint once', () => {
    const twice = [{ model_id: modelId }, { model_id: modelId }, { model_id: '01900000-0000-8001-8000-000000000009' }];
    const model = specDocument().deployments.map((each) => ({ ...each, modelId }));
    expect(engineProblems({ engines: twice }, specDocument({ deployments: model }))).toMatchObject([
      { path: 'engines.1.model_id', message: 'is named twice' },
      { path: 'engines.2.model_id', message: 'is no model of this endpoint' },
    ]);
  });
});
