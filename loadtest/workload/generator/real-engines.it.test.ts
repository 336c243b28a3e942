import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { startRoute } from '../../../router/alone/testing/route-command.ts';
import { generate } from './generate.ts';
import { readLoadOptions } from './options.ts';

const started = endAfterEach();

/** Groups of prompts that begin alike, as many as two small caches hold: 24 requests in 12 s. */
const workload = {
  kind: 'stages',
  stages: [{ rate: 2, seconds: 12, arrivals: 'constant' }],
  prompts: { groups: 2, promptsPerGroup: 12, sharedTokens: 100, questionTokens: 10, outputTokens: 4 },
};

const { LLAMA_SERVER: binary, LLAMA_MODEL: gguf } = process.env;
if (binary !== undefined && gguf !== undefined)
  describe('a load on two real llama-servers behind the router', () => {
    it('is answered, and what their caches had is told', async () => {
      const ports = [await freePort(), await freePort()];
      const flags = ['-m', gguf, '-t', '1', '--poll', '0', '-np', '4', '--metrics', '--alias', 'tiny'];
      for (const port of ports) started.child(spawn(binary, [...flags, '--port', String(port)], { stdio: 'ignore' }));
      const upstreams = ports.flatMap((port) => ['--upstream', `http://127.0.0.1:${port}`]);
      const route = await startRoute(started, upstreams);
      const ready = async (): Promise<string> => await (await fetch(`${route.adminUrl}/readyz`)).text();
      await eventually(async () => expect(await ready()).toContain('"warnings":[]'), { timeoutMs: 50_000 });
      const folder = join(await started.folder('fairway-load-'), 'run');
      const asked = ['--workload', JSON.stringify(workload), '--minutes', '1', '--warmup', '0', '--keep', folder];
      const options = readLoadOptions(['--url', route.url, ...asked], {});
      let said = '';
      const screen = { write: (text: string) => void (said += text) };
      const { figures } = await generate(options, { signal: AbortSignal.timeout(120_000), screen });
      expect(figures, said).toMatchObject({ refused: 0, broken: 0, unfinished: 0, codes: {} });
      expect(figures.meanContext).toBeGreaterThan(100);
      // Of each group the first prompt is fresh, and a server's slots are few.
      expect(figures.hits).toBeGreaterThan(0.3);
    }, 150_000);
  });
