import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { findEngine, type EngineKind, type LocalEngine } from './local-engine.ts';
import { writeTinyGguf } from './tiny/write-gguf.ts';
import { writeTinyRepository } from './tiny/write-safetensors.ts';

let folder: string;
let gguf: string;
const started = endAfterAll();
beforeAll(async () => {
  folder = await started.folder('fairway-engines-');
  gguf = join(folder, 'Tiny 1.5..B.gguf');
  await writeTinyGguf(gguf, 1);
  await writeTinyRepository(join(folder, 'tiny'), 1);
});

/** A program that says `line` when it is asked for its version. */
async function program(name: string, line: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, `#!/bin/sh\necho '${line}' >&2\n`);
  await chmod(file, 0o755);
  return file;
}

const find = (weights: string, env: Record<string, string>, engine: EngineKind = 'llama.cpp'): Promise<LocalEngine> =>
  findEngine({ engine, weights, replicas: 1000 }, env);

describe('llama.cpp', () => {
  it.each([
    ['version: 0.6.0 (build 12001, commit abcdef0)', '12001'],
    ['version: 12001 (abcdef0)', '12001'],
    ['version: 0.6.0-dev (build 0, commit unknown)', 'of unknown version'],
  ])('is found by the variable when it says "%s"', async (line, version) => {
    const LLAMA_SERVER = await program('llama-server', line);
    const engine = await find(gguf, { LLAMA_SERVER, LLAMA_ARG_CTX_SIZE: '4096', HOME: folder });
    expect(engine).toMatchObject({
      profile: 'llama-cpp',
      model: 'Tiny-1.5-.B',
      images: { 'ghcr.io/ggml-org/llama.cpp': [LLAMA_SERVER, '{args}', '-hf', '', '-m', gguf, '--poll', '0'] },
    });
    expect(engine.env).toEqual({ LLAMA_ARG_THREADS: '1', LLAMA_ARG_CTX_SIZE: '4096' });
    expect(engine.about).toContain(version);
  });

  it('is found on the PATH', async () => {
    const file = await program('llama-server', 'version: 12001 (abcdef0)');
    await expect(find(gguf, { PATH: `/nowhere:${folder}`, LLAMA_SERVER: '' })).resolves.toMatchObject({
      images: { 'ghcr.io/ggml-org/llama.cpp': expect.arrayContaining([file]) },
    });
  });

  it('is refused with a sentence when program or file do not fit', async () => {
    const LLAMA_SERVER = await program('llama-server', 'version: 12001 (abcdef0)');
    const old = await program('old-server', 'version: 6000 (abcdef0)');
    const plain = join(folder, 'plain.gguf');
    await writeFile(plain, 'no model');
    await expect(find(gguf, { PATH: '/nowhere' })).rejects.toThrow(/no llama-server on the PATH[\s\S]*LLAMA_SERVER=/);
    await expect(find(gguf, { LLAMA_SERVER: old })).rejects.toThrow(/version 6000; at least b9061/);
    await expect(find(gguf, { LLAMA_SERVER: plain })).rejects.toThrow('is missing or may not be executed');
    await expect(find(gguf, { LLAMA_SERVER: '/bin/false' })).rejects.toThrow('does not run here');
    await expect(find(plain, { LLAMA_SERVER })).rejects.toThrow('is no GGUF file');
    await expect(find(join(folder, 'none'), { LLAMA_SERVER })).rejects.toThrow('cannot be read (ENOENT)');
  });
});

describe('vllm', () => {
  it('is found with a folder of weights, which it gets in place of the profile’s model', async () => {
    const VLLM = await program('vllm', '0.32.0');
    await expect(find(join(folder, 'tiny'), { VLLM }, 'vllm')).resolves.toMatchObject({
      profile: 'vllm',
      model: 'tiny',
      images: { 'vllm/vllm-openai': [VLLM, 'serve', join(folder, 'tiny'), '{rest}'] },
    });
    await expect(find(folder, { VLLM }, 'vllm')).rejects.toThrow('config.json cannot be read');
  });
});
