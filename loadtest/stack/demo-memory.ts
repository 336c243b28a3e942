import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DemoEndpoint } from './demo.ts';

const demoSchema = z.object({ endpointId: z.string(), token: z.string(), model: z.string() });

/** The demo endpoint that an earlier run with kept state has made: its token is shown once and stored nowhere else. */
export async function recallDemo(folder: string): Promise<DemoEndpoint | undefined> {
  const text = await readFile(join(folder, 'demo.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : demoSchema.parse(JSON.parse(text));
}

/** Keeps it for the next run, readable by the user alone. */
export async function rememberDemo(folder: string, demo: DemoEndpoint): Promise<void> {
  await writeFile(join(folder, 'demo.json'), JSON.stringify(demo), { mode: 0o600 });
}
