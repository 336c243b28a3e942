import { expect, it } from 'vitest';
import { sglang } from './sglang.ts';

it('shares the model out over all GPUs, reports what was cached, and takes its key from the Secret', () => {
  const args = sglang.args({
    port: 30_000,
    gpus: 8,
    model: 'm',
    weights: { repository: 'org/m' },
    contextTokens: 65_536,
    arguments: {},
  });
  expect(args).toEqual([
    '--host=$(POD_IP)',
    '--port=30000',
    '--model-path=org/m',
    '--served-model-name=m',
    '--tp-size=8',
    '--context-length=65536',
    '--api-key=$(SGLANG_API_KEY)',
    '--enable-metrics',
    '--enable-cache-report',
  ]);
});

it.each([
  ['nvidia', 'NVIDIA H100', 'lmsysorg/sglang:v0.5.20'],
  ['amd', 'AMD MI300X', 'lmsysorg/sglang:v0.5.20-rocm10-mi30x'],
  ['amd', 'AMD MI350X', 'lmsysorg/sglang:v0.5.20-rocm10-mi35x'],
] as const)('has an image for %s, %s', (maker, model, image) => {
  expect(sglang.image('0.5.20', { maker, model })).toBe(image);
});

it('takes the arguments that a spec asks for', () => {
  const start = { port: 30_000, gpus: 1, model: 'm', weights: { repository: 'org/m' }, contextTokens: undefined };
  const given = { max_running_requests: 64, schedule_policy: 'lpm' } as const;
  expect(sglang.args({ ...start, arguments: given }).slice(-4)).toEqual([
    '--max-running-requests',
    '64',
    '--schedule-policy',
    'lpm',
  ]);
});
