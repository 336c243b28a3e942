import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A file with this text, for one test. */
export async function traceFile(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-trace-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'trace');
  await writeFile(file, text);
  return file;
}

/** Everything that it yields. */
export async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
