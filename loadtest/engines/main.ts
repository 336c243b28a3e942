/**
 * Run: node loadtest/engines/main.ts --gguf FILE [--seed N]
 * Writes a tiny model with random weights, for an engine that shall run without a download.
 */
import { parseArgs } from 'node:util';
import { writeTinyGguf } from './tiny/write-gguf.ts';

const { values } = parseArgs({ options: { gguf: { type: 'string' }, seed: { type: 'string', default: '1' } } });
if (values.gguf === undefined) throw new Error('Name the file to be written: --gguf FILE');
await writeTinyGguf(values.gguf, Number(values.seed));
