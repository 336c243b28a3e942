import { expect, it } from 'vitest';
import { vllm } from './vllm.ts';

it('shares the model out over all GPUs, reports what was cached, and fetches no media', () => {
  const args = vllm.args({
    port: 8000,
    gpus: 8,
    model: 'm',
    weights: { repository: 'org/m' },
    contextTokens: undefined,
    arguments: {},
  });
  expect(args).toEqual([
    'org/m',
    '--host=$(POD_IP)',
    '--port=8000',
    '--served-model-name=m',
    '--tensor-parallel-size=8',
    '--enable-prompt-tokens-details',
    '--allowed-media-domains=none.invalid',
  ]);
});

it('has an image of its own for AMD', () => {
  expect(vllm.image('0.33.0', { maker: 'amd', model: 'AMD MI300X' })).toBe('vllm/vllm-openai-rocm:v0.33.0');
  expect(vllm.image('0.33.0', { maker: 'nvidia', model: 'NVIDIA H100' })).toBe('vllm/vllm-openai:v0.33.0');
});

it('takes the arguments that a spec asks for, and has tools called where it knows how calls look', () => {
  const start = { port: 8000, gpus: 1, model: 'm', weights: { repository: 'org/m' }, contextTokens: undefined };
  const given = { max_num_seqs: 64, gpu_memory_utilization: 0.9, tool_call_parser: 'hermes' } as const;
  expect(vllm.args({ ...start, arguments: given }).join(' ')).toContain(
    '--enable-auto-tool-choice --max-num-seqs 64 --gpu-memory-utilization 0.9 --tool-call-parser hermes',
  );
});
