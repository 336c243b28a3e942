import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '#shared/testing/eventually.ts';
import { frames } from '../../testing/chat-frames.ts';
import {
  answerJson,
  beginStream,
  startScriptedUpstream,
  type ScriptedUpstream,
} from '../../testing/scripted-upstream.ts';

const models = answerJson(200, { object: 'list', data: [{ id: 'm', object: 'model' }] });

/** A model server that streams one word at once. */
export function startQuickUpstream(): Promise<ScriptedUpstream> {
  return startScriptedUpstream((seen) => {
    if (seen.method === 'GET') return models(seen);
    beginStream(seen.response);
    seen.response.end(`${frames.role}${frames.text('a')}${frames.finish}${frames.done}`);
  });
}

/** `npm run route` in front of it, for benches: each in a process of its own. */
export interface BenchRoute extends AsyncDisposable {
  readonly url: string;
  /** The sum of a metric over its processes, and over series that have this in them. */
  figure(name: string, having?: string): Promise<number>;
  renew(): void;
}

/** Starts one. */
export async function startBenchRoute(
  upstream: ScriptedUpstream,
  processes: number,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchRoute> {
  const from = `http://127.0.0.1:${upstream.port}`;
  const args = ['router/main.ts', 'route', '--upstream', from, '--processes', String(processes)];
  const route = spawn(process.execPath, args, {
    env: { ...process.env, FAIRWAY_PROPAGATION_MS: '300', FAIRWAY_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  route.stdout.on('data', (text: Buffer) => (said += text.toString()));
  const [, url = '', adminUrl = ''] = await eventually(() => {
    const found = /routes at (\S+)\/v1 for[\s\S]*?(http:\S+)\/metrics/.exec(said);
    if (found === null) throw new Error(said);
    return found;
  });
  return {
    url,
    async figure(name, having = '') {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(having));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
    renew: () => void route.kill('SIGHUP'),
    async [Symbol.asyncDispose]() {
      route.kill('SIGTERM');
      await once(route, 'exit');
    },
  };
}
