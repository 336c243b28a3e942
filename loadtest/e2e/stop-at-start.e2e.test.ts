import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { environment } from '#shared/runtime/environment.ts';
import { createSealKeys } from '#shared/runtime/seal.ts';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { endAfterEach } from '#shared/testing/started.ts';

const root = resolve(import.meta.dirname, '../..');
const key = Buffer.alloc(32, 7).toString('base64url');
const vpcId = '00000000-0000-4000-8000-0000000000a1';
const { publicKey, privateKey } = await createSealKeys();

const processes: [main: string, env: Record<string, string>][] = [
  ['api/central/main.ts', { FAIRWAY_REGIONS: 'atl1=http://127.0.0.1:1' }],
  [
    'api/regional/main.ts',
    { FAIRWAY_REGION_KEY: key, FAIRWAY_SEAL_PUBLIC_KEY: publicKey, FAIRWAY_DEFAULT_VPC_ID: vpcId },
  ],
  [
    'provisioner/main.ts',
    {
      FAIRWAY_INSTANCE_ID: 'stopped',
      FAIRWAY_CLUSTERS: `${vpcId}=/nowhere`,
      FAIRWAY_SEAL_PRIVATE_KEY: privateKey,
      FAIRWAY_PROVISIONER_KEY: key,
    },
  ],
  ['router/main.ts', { FAIRWAY_VPC_ID: vpcId, FAIRWAY_ROUTER_ID: 'stopped', FAIRWAY_TOKEN_HASH_KEY: key }],
];

const started = endAfterEach();

it.each(processes)('%s ends within two seconds of SIGTERM while NATS is away at its start', async (main, env) => {
  const folder = await started.folder('fairway-stop-');
  const away = await freePort();
  const child = started.child(
    spawn(process.execPath, [join(root, main)], {
      env: {
        ...environment(),
        FAIRWAY_NATS_URL: `nats://127.0.0.1:${away}`,
        FAIRWAY_REDIS_URL: `redis://127.0.0.1:${away}`,
        FAIRWAY_PORT: '0',
        FAIRWAY_STATE_DIR: folder,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const said: string[] = [];
  const ended = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (line.includes('nats.waiting')) break;
  }
  expect(said.at(-1)).toContain('nats.waiting');
  child.kill('SIGTERM');
  expect(await ownTimeOf(ended)).toBeLessThan(2000);
  expect(await ended, said.join('\n')).toEqual([0, null]);
});
