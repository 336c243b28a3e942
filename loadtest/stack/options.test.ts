import { describe, expect, it } from 'vitest';
import { readStackOptions, UsageAskedError } from './options.ts';

describe('readStackOptions', () => {
  it('has defaults that need no flag', () => {
    expect(readStackOptions([])).toMatchObject({
      smoke: false,
      replicas: 2,
      routers: 1,
      port: 8700,
      keep: undefined,
      json: undefined,
      cluster: 'embedded',
    });
  });

  it('reads what is given', () => {
    const args = [
      '--cluster=real',
      '--smoke',
      '--keep',
      '--replicas',
      '3',
      '--routers=2',
      '--port',
      '0',
      '--json',
      'a b.json',
      '--time-scale',
      '0.5',
    ];
    expect(readStackOptions(args)).toMatchObject({
      smoke: true,
      keep: '.fairway/dev',
      replicas: 3,
      routers: 2,
      port: 0,
      json: 'a b.json',
      timeScale: 0.5,
      cluster: 'real',
    });
  });

  it('says every problem at once, and where help is', () => {
    const read = (): unknown =>
      readStackOptions([
        '--replicas',
        '0',
        '--port',
        '70000',
        '--routers',
        '1.5',
        '--state-dir',
        'x',
        '--cluster',
        'k3s',
      ]);
    expect(read).toThrow(
      /--replicas must be .*"0"[\s\S]*--routers must be[\s\S]*--port must be[\s\S]*--cluster must be embedded or real, not "k3s"[\s\S]*--state-dir needs --keep[\s\S]*--help/,
    );
  });

  it('takes an engine with its weights', () => {
    expect(readStackOptions([])).toMatchObject({ engine: 'sim', weights: undefined });
    expect(readStackOptions(['--engine', 'llama.cpp', '--gguf', 'a.gguf'])).toMatchObject({
      engine: 'llama.cpp',
      weights: 'a.gguf',
    });
    expect(readStackOptions(['--engine=vllm', '--model=a'])).toMatchObject({ engine: 'vllm', weights: 'a' });
  });

  it.each([
    [['--engine', 'ollama'], /--engine must be one of sim, llama.cpp, vllm, not "ollama"/],
    [['--engine', 'llama.cpp'], /--engine llama.cpp needs --gguf FILE/],
    [['--engine', 'vllm', '--gguf', 'x'], /--engine vllm needs --model FOLDER[\s\S]*--gguf needs --engine llama.cpp/],
    [['--gguf', 'x'], /--gguf needs --engine llama.cpp/],
  ])('refuses %j', (args, sentence) => {
    expect(() => readStackOptions(args)).toThrow(sentence);
  });

  it('takes a cluster that runs already, alone', () => {
    const { cluster, keep } = readStackOptions(['--kubeconfig', '/k', '--keep']);
    expect([cluster, keep]).toEqual([{ kubeconfig: '/k' }, '.fairway/kubeconfig']);
    const read = (): unknown =>
      readStackOptions(['--kubeconfig', '/k', '--cluster', 'real', '--vpcs', '2', '--engine', 'vllm', '--model', '/m']);
    const { engine, weights } = readStackOptions([
      '--kubeconfig',
      '/k',
      '--engine',
      'vllm',
      '--model',
      'Qwen/Qwen3-0.6B',
    ]);
    expect([engine, weights]).toEqual(['vllm', 'Qwen/Qwen3-0.6B']);
    expect(read).toThrow(
      /--cluster may not stand beside it[\s\S]*--vpcs must be 1[\s\S]*--model is a name at Hugging Face/,
    );
  });

  it('refuses an unknown flag by its name', () => {
    expect(() => readStackOptions(['--repliacs', '2'])).toThrow(/--repliacs[\s\S]*--help/);
  });

  it('tells its usage', () => {
    expect(() => readStackOptions(['-h'])).toThrow(UsageAskedError);
  });
});
