import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { environment } from '#shared/runtime/environment.ts';

/** A regional API as a process of its own. */
export interface ApiProcess extends AsyncDisposable {
  url: string;
  adminUrl: string;
  pid: number;
  /** SIGKILL, and wait for the end. */
  kill(): Promise<void>;
}

/** Starts `api/regional/main.ts`; disposing ends it with SIGTERM. @throws when it ends before it is started. */
export async function spawnRegionalApi(env: Record<string, string>): Promise<ApiProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts')], {
    env: { ...environment(), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return {
    ...(await startedUrls(child)),
    pid: child.pid ?? 0,
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  };
}

async function startedUrls(child: ChildProcess): Promise<{ url: string; adminUrl: string }> {
  if (child.stdout === null) throw new Error('the API has no output');
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    let adminUrl = '';
    child.once('exit', (code) => reject(new Error(`the API ended with ${code}`)));
    lines.on('line', (line) => {
      const said: unknown = JSON.parse(line);
      if (said === null || typeof said !== 'object' || !('msg' in said) || !('url' in said)) return;
      if (said.msg === 'admin.started') adminUrl = String(said.url);
      if (said.msg !== 'service.started') return;
      // What it says later is read and dropped.
      lines.removeAllListeners('line');
      resolve({ url: String(said.url), adminUrl });
    });
  });
}
