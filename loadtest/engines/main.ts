/**
 * Run: node setup.mjs --no-dev --no-servers loadtest/engines/main.ts --gguf FILE | --safetensors FOLDER [--seed N]
 * Writes a tiny model with random weights, for an engine that shall run without a download.
 */
import { parseArgs } from 'node:util';
import { writeTinyGguf } from './tiny/write-gguf.ts';
import { writeTinyRepository } from './tiny/write-safetensors.ts';

const text = { type: 'string' } as const;
const { gguf, safetensors, seed } = parseArgs({ options: { gguf: text, safetensors: text, seed: text } }).values;
if (gguf !== undefined) await writeTinyGguf(gguf, Number(seed ?? 1));
if (safetensors !== undefined) await writeTinyRepository(safetensors, Number(seed ?? 1));
if (gguf === undefined && safetensors === undefined) {
  process.stderr.write('Say what to write: --gguf FILE or --safetensors FOLDER\n');
  process.exitCode = 1;
}
