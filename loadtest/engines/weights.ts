import { access, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '#shared/runtime/read-config.ts';

const writeTiny = 'node setup.mjs --no-dev --no-servers loadtest/engines/main.ts';
const nextGguf = `take a file whose name ends in .gguf, or write a tiny model: ${writeTiny} --gguf tiny.gguf`;

/** @throws ConfigError when the file cannot be read or is no GGUF that llama.cpp still reads (version 2 or later). */
export async function checkGguf(file: string): Promise<void> {
  const start = Buffer.alloc(8);
  try {
    await using opened = await open(file);
    await opened.read(start, 0, start.length, 0);
  } catch (error) {
    throw new ConfigError(`--gguf ${file} cannot be read (${codeOf(error)}).\nNext: ${nextGguf}`);
  }
  const version = start.readUInt32LE(4);
  if (start.toString('latin1', 0, 4) !== 'GGUF')
    throw new ConfigError(`--gguf ${file} is no GGUF file: it does not begin with "GGUF".\nNext: ${nextGguf}`);
  if (version < 2 || version > 0xff)
    throw new ConfigError(`--gguf ${file} has version ${version} of the format, which llama-server does not read.`);
}

/** @throws ConfigError when it is not a folder as Hugging Face's repositories are, which vLLM reads. */
export async function checkModelFolder(folder: string): Promise<void> {
  for (const name of ['config.json', 'tokenizer_config.json'])
    await access(join(folder, name)).catch((error: unknown) => {
      throw new ConfigError(
        `--model ${folder} is no folder with a model: ${name} cannot be read (${codeOf(error)}).\nNext: name a downloaded repository, or write a tiny model: ${writeTiny} --safetensors tiny`,
      );
    });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
