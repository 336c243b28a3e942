import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { endAfterEach } from '#shared/testing/started.ts';
import { loadKubeconfig, type KubeAccess } from './kubeconfig.ts';

let folder: string;
const started = endAfterEach();
beforeEach(async () => {
  folder = await started.folder('kube config-');
});

const neverLoad = (): Promise<KubeAccess> => Promise.reject(new Error('client-node was asked'));

async function write(content: string, name = 'config'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const config = (cluster: object, user: object, more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'one',
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    ...more,
  });

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a simple kubeconfig in JSON is read without client-node', () => {
  test('http with a token', async () => {
    const path = await write(config({ server: 'http://127.0.0.1:8001' }, { token: 't' }));
    const access = await loadKubeconfig(path, { loadAnything: neverLoad });
    expect(access.server.href).toBe('http://127.0.0.1:8001/');
    expect(access.tls).toEqual({});
    expect(await access.headers()).toEqual({ authorization: 'Bearer t' });
  });

  test('https with certificates in files beside it and in the file itself', async () => {
    await write('CA', 'ca.crt');
    const cluster = { server: 'https://k', 'certificate-authority': 'ca.crt', 'tls-server-name': 'name' };
    const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') };
    const access = await loadKubeconfig(await write(config(cluster, user)), { loadAnything: neverLoad });
    expect(access.tls).toEqual({ ca: 'CA', cert: 'CERT', key: 'KEY', servername: 'name' });
    expect(await access.headers()).toEqual({});
  });

  test('a context by name, without a user', async () => {
    const contexts = [{ name: 'two', context: { cluster: 'c' } }];
    const path = await write(config({ server: 'https://k', 'insecure-skip-tls-verify': true }, {}, { contexts }));
    const access = await loadKubeconfig(path, { context: 'two', loadAnything: neverLoad });
    expect(access.tls).toEqual({ rejectUnauthorized: false });
  });
});

describe('what cannot be used is said in a sentence', () => {
  test('no file', async () => {
    await expect(loadKubeconfig(join(folder, 'none'))).rejects.toThrow(/Cannot read the kubeconfig .*none/);
  });

  test('an unknown context', async () => {
    const path = await write(config({ server: 'http://k' }, {}));
    await expect(loadKubeconfig(path, { context: 'x' })).rejects.toThrow('has no context x; it has: one.');
  });

  test('no kubeconfig at all, and none of its lines is shown', async () => {
    const load = loadKubeconfig(await write('users:\n- name: u\n  user: {token: secret-token\nclusters: }{'));
    const error: unknown = await load.catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/config is no kubeconfig: ./);
    expect(inspect(error)).not.toContain('secret-token');
  });

  test('a proxy', async () => {
    const path = await write(config({ server: 'http://k', 'proxy-url': 'http://proxy' }, {}));
    await expect(loadKubeconfig(path)).rejects.toThrow('proxy-url');
  });
});

describe('everything else goes to client-node', () => {
  test.each([
    ['YAML', 'apiVersion: v1\n'],
    ['an exec plug-in', config({ server: 'https://k' }, { exec: { command: 'x' } })],
    ['a password', config({ server: 'https://k' }, { username: 'a', password: 'b' })],
    ['a proxy', config({ server: 'https://k', 'proxy-url': 'http://p' }, {})],
  ])('%s', async (_, content) => {
    await expect(loadKubeconfig(await write(content), { loadAnything: neverLoad })).rejects.toThrow(
      'client-node was asked',
    );
  });

  test('YAML with a certificate, a password and another context', async () => {
    const path = await write(`
apiVersion: v1
kind: Config
current-context: other
contexts: [{ name: one, context: { cluster: c, user: u } }]
clusters: [{ name: c, cluster: { server: "https://k:6443", certificate-authority-data: ${base64('CA')} } }]
users: [{ name: u, user: { username: a, password: b } }]
`);
    const access = await loadKubeconfig(path, { context: 'one' });
    expect(access.server.href).toBe('https://k:6443/');
    expect(access.tls.ca).toBe('CA');
    expect(await access.headers()).toEqual({ authorization: `Basic ${base64('a:b')}` });
  });

  test('YAML with an exec plug-in: the token is asked for', async () => {
    const credential = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'fresh' },
    });
    const script = await write(`console.log(${JSON.stringify(credential)})`, 'exec.mjs');
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: [script],
      interactiveMode: 'Never',
    };
    const access = await loadKubeconfig(await write(config({ server: 'https://k' }, { exec })));
    expect(await access.headers()).toEqual({ Authorization: 'Bearer fresh' });
  });

  test('an exec plug-in that hangs is ended, and the next one is asked', async () => {
    const pids = join(folder, 'pids');
    const expired = JSON.stringify({ status: { token: 'old', expirationTimestamp: '2020-01-01T00:00:00Z' } });
    const script = await write(
      `import { appendFileSync, existsSync } from 'node:fs';
       const first = !existsSync(${JSON.stringify(pids)});
       appendFileSync(${JSON.stringify(pids)}, process.pid + '\\n');
       if (first) console.log(${JSON.stringify(expired)});
       else setInterval(() => {}, 1000);`,
      'hangs.mjs',
    );
    const exec = { apiVersion: 'v1', command: process.execPath, args: [script], interactiveMode: 'Never' };
    const path = await write(config({ server: 'https://k' }, { exec }));
    const access = await loadKubeconfig(path, { pluginTimeoutMs: 2000 });
    const both = await Promise.allSettled([access.headers(), access.headers()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(access.headers()).rejects.toThrow();
    const ran = (await readFile(pids, 'utf8')).trim().split('\n').map(Number);
    expect(ran).toHaveLength(3);
    for (const pid of ran) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
