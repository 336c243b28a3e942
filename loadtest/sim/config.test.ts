import { expect, it } from 'vitest';
import { readSimConfig } from './config.ts';

it('takes flags before variables before defaults', () => {
  const env = { FAIRWAY_SIM_PORT: '81', FAIRWAY_SIM_SEED: '9', VLLM_API_KEY: 'from-vllm' };
  const config = readSimConfig(['--port', '80', '--preset=8b-h100'], env);
  expect(config).toMatchObject({ port: 80, seed: 9, preset: '8b-h100', apiKey: 'from-vllm', timeScale: 1 });
  expect(config.maxModelTokens).toBe(131_072);
  expect(readSimConfig([], { ...env, FAIRWAY_SIM_API_KEY: 'own' }).apiKey).toBe('own');
});

it('reads faults that are on from the start', () => {
  const config = readSimConfig([], { FAIRWAY_SIM_FAULTS: '[{"kind":"slow","factor":2}]' });
  expect(config.faults).toMatchObject([{ kind: 'slow', factor: 2 }]);
});

it('reads the KV events of vLLM’s flag with its defaults, and no queue without a bound', () => {
  expect(readSimConfig([], {}).kvEvents).toBeUndefined();
  const { kvEvents } = readSimConfig(['--kv-events-config={"buffer_steps":0}'], {});
  expect(kvEvents).toMatchObject({ endpoint: 'tcp://*:5557', replayEndpoint: undefined, bufferSteps: 0 });
  expect(() => readSimConfig(['--kv-events-config={"hwm":0}'], {})).toThrow(
    '--kv-events-config: "hwm" must be a whole number from 1 to 1000000.',
  );
});

it('names every problem at once', () => {
  const wrong = (): unknown => readSimConfig(['--port', 'x', '--preset', '4b', '--fault-plan', '[{"kind":"x"}]'], {});
  for (const part of ['--port must be', '--preset must be one of 30b-a3b-h200', '--fault-plan: There is no fault'])
    expect(wrong).toThrow(part);
});

it('refuses a flag that it does not know', () => {
  expect(() => readSimConfig(['--gpu', '8'], {})).toThrow(/--gpu/);
});
