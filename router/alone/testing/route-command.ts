import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import type { Started } from '#shared/testing/started.ts';

const root = join(import.meta.dirname, '../../..');

/** `npm run route` without what npm does before it. */
export interface RouteCommand {
  readonly child: ChildProcess;
  /** All that it has said. */
  readonly said: () => string;
  /** How it ended. */
  readonly ended: Promise<number | null>;
}

/** Runs the command until it ends, or the test does. */
export function runRoute(
  started: Started,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RouteCommand {
  const child = started.child(
    spawn(process.execPath, ['router/main.ts', 'route', ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, said: () => said, ended };
}

/** The same on a free port, with where it is, once it takes requests. */
export async function startRoute(
  started: Started,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<RouteCommand & { url: string; adminUrl: string }> {
  const command = runRoute(started, args, { FAIRWAY_PORT: '0', ...env });
  let over = false;
  void command.ended.then(() => (over = true));
  const [, url = '', adminUrl = ''] = await eventually(() => {
    const found = /routes at (\S+)\/v1 for[\s\S]*?(http:\S+)\/metrics/.exec(command.said());
    if (found === null && !over) throw new Error(`it says: ${command.said()}`);
    return found ?? [];
  });
  expect(over, command.said()).toBe(false);
  return { ...command, url, adminUrl };
}
