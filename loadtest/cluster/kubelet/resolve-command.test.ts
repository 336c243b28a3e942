import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../objects/object.ts';
import type { Container, Pod } from '../objects/workloads.ts';
import { commandOfImage, ContainerRefusedError, expand, resolveEnv } from './resolve-command.ts';

const object: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { pool: 'a' } },
  spec: { containers: [] },
};
const pod = object as Pod;
const address = { ip: '127.64.0.9', port: 8001 };
const env = (entries: object[], secrets: Record<string, Record<string, string>> = {}): Record<string, string> =>
  resolveEnv(pod, { name: 'c', image: 'i', resources: {}, env: entries } as Container, { address, secrets });

describe('commandOfImage', () => {
  const table = { 'fairway/sim': ['{node}', '{repo}/loadtest/sim/main.ts', '--quiet'] };

  it.each(['fairway/sim', 'fairway/sim:1', 'fairway/sim:1@sha256:abc'])('finds %s', (image) => {
    const [file, main, ...args] = commandOfImage(image, table, ['--given']);
    expect([file, main?.endsWith('/loadtest/sim/main.ts'), args]).toEqual([
      process.execPath,
      true,
      ['--quiet', '--given'],
    ]);
  });

  it('puts the container’s arguments where the table wants them', () => {
    const engine = { 'an/engine': ['engine', '{args}', '-m', 'file'] };
    expect(commandOfImage('an/engine:1', engine, ['-m', 'a'])).toEqual(['engine', '-m', 'a', '-m', 'file']);
    const other = { 'an/engine': ['engine', 'file', '{rest}'] };
    expect(commandOfImage('an/engine:1', other, ['a', '-n', 'b'])).toEqual(['engine', 'file', '-n', 'b']);
  });

  it('refuses what the table does not name, in a kubelet’s words', () => {
    expect(() => commandOfImage('registry:5000/vllm:1', table, [])).toThrow(ContainerRefusedError);
    expect(() => commandOfImage('registry:5000/vllm:1', table, [])).toThrow('"registry:5000/vllm" is not in the table');
  });
});

describe('resolveEnv', () => {
  const from = (fieldPath: string): object => ({ valueFrom: { fieldRef: { fieldPath } } });
  const secret = (key: string, optional?: boolean): object => ({
    valueFrom: { secretKeyRef: { name: 's', key, optional } },
  });

  it('fills in fields of the pod, secrets and earlier variables', () => {
    const entries = [
      { name: 'IP', ...from('status.podIP') },
      { name: 'PORT', ...from("metadata.annotations['fairway.dev/pod-port']") },
      { name: 'POOL', ...from("metadata.labels['pool']") },
      { name: 'KEY', ...secret('k') },
      { name: 'NONE', ...secret('missing', true) },
      { name: 'URL', value: 'http://$(IP):$(PORT)/$(LATER)' },
      { name: 'LATER', value: 'x' },
    ];
    expect(env(entries, { s: { k: 'v' } })).toEqual({
      IP: '127.64.0.9',
      PORT: '8001',
      POOL: 'a',
      KEY: 'v',
      URL: 'http://127.64.0.9:8001/$(LATER)',
      LATER: 'x',
    });
  });

  it('refuses a secret that is not there, and a field that it does not know', () => {
    expect(() => env([{ name: 'A', ...secret('k') }])).toThrow('secret "s" has no key "k"');
    expect(() => env([{ name: 'A', ...from('spec.hostname') }])).toThrow('is not served');
  });
});

it('expands known names, keeps unknown ones and unescapes doubled ones', () => {
  expect(expand('$(A) $(B) $$(A) $A', { A: '1' })).toBe('1 $(B) $(A) $A');
});
