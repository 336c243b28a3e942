import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCommand } from '#shared/testing/run-command.ts';
import { writeTinyGguf } from '#loadtest/engines/tiny/write-gguf.ts';
import { writeTinyRepository } from '#loadtest/engines/tiny/write-safetensors.ts';
import { engineLifeContract } from './engine-life.contract.ts';

const root = join(import.meta.dirname, '../..');

it('npm run dev says what is wrong with an engine before it starts anything', async () => {
  const command = [process.execPath, 'loadtest/stack/main.ts', '--engine', 'llama.cpp', '--gguf', 'README.md'];
  const { code, output } = await runCommand(command, { cwd: root });
  expect([code, output]).toEqual([1, expect.stringMatching(/README\.md is no GGUF file[\s\S]*Next: /)]);
  expect(output).not.toContain('is ready');
});

if (process.env['LLAMA_SERVER'] !== undefined)
  engineLifeContract('llama.cpp', async (folder) => {
    const file = join(folder, 'tiny.gguf');
    await writeTinyGguf(file, 1);
    return file;
  });

if (process.env['VLLM'] !== undefined)
  engineLifeContract('vllm', async (folder) => {
    await writeTinyRepository(join(folder, 'tiny'), 1);
    return join(folder, 'tiny');
  });
