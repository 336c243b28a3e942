import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownTimeOf } from '#shared/testing/own-time.ts';
import { runCommand } from '#shared/testing/run-command.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { Checkout, targetReport, type Env } from './checkout.ts';
import { olderNode } from './older-node.ts';

/** What a newcomer's machine may be like; the package registries (or a mirror of theirs in the settings) must be reachable. */

const setup = ['node', 'setup.mjs'];
const noNetwork: Env = Object.fromEntries(
  ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => [name, 'http://127.0.0.1:9']),
);
describe('an older Node and nothing else', () => {
  test('everything is fetched; the second run fetches nothing; the third works without network', async () => {
    using checkout = new Checkout('all');
    checkout.useNode(await olderNode(path.join(checkout.cache, 'older')));
    const cold = await checkout.run([...setup, 'target.ts']);
    expect(cold).toMatchObject({ code: 0 });
    expect(targetReport(cold.output).node).toMatch(/^v24\./);
    for (const part of ['(npm ci)', 'getting nats-server', 'getting valkey-server'])
      expect(cold.output).toContain(`${part}: done in`);

    const running = checkout.run([...setup, 'target.ts']);
    expect(await ownTimeOf(running)).toBeLessThan(3000);
    expect(await running).toMatchObject({ code: 0, output: expect.not.stringContaining('done in') });

    rmSync(path.join(checkout.folder, 'node_modules'), { recursive: true });
    const offline = await checkout.run([...setup, 'target.ts'], noNetwork);
    expect(offline).toMatchObject({ code: 0, output: expect.stringContaining('(npm ci): done in') });
  }, 300_000);

  test('come from the pip of a pyenv without the lock that pyenv takes after each pip', async () => {
    using checkout = new Checkout('one');
    const real = await runCommand(['python3', '-c', 'import sys; print(sys.executable)'], { cwd: checkout.folder });
    const shim = checkout.addProgram('python3', '');
    const asPyenv = `case " $* " in *" -m pip "*) echo "cannot rehash: locked" >&2; exit 1;; esac`;
    writeFileSync(shim, `#!/bin/sh\n${asPyenv}\nexec "${real.output.trim()}" "$@"\n`);
    expect(await checkout.run([...setup, 'target.ts'])).toMatchObject({ code: 0 });
  });

  test('servers of the PATH that are too old are passed over for fetched ones', async () => {
    using checkout = new Checkout('one');
    checkout.addProgram('nats-server', 'nats-server: v2.10.7');
    const { code, output } = await checkout.run([...setup, 'target.ts']);
    expect(code).toBe(0);
    expect(output).toContain('nats-server: it is version 2.10.7, at least 2.12.5 is needed');
    expect(targetReport(output).nats).toContain(checkout.cache);
  });
});

describe('packages that only tests need', () => {
  test('come when they are needed, beside those that are there, and then stay', async () => {
    using checkout = new Checkout('one');
    const packages = (): string[] =>
      readdirSync(path.join(checkout.folder, 'node_modules')).filter((one) => !one.startsWith('.'));
    const dev = [...setup, '--no-dev', '--no-servers', 'target.ts'];
    const tests = [...setup, '--no-servers', 'target.ts'];
    const first = await checkout.run(dev);
    expect([first.code, packages()]).toEqual([0, ['ulid']]);
    const lock = readFileSync(path.join(checkout.folder, 'package-lock.json'), 'utf8');
    const second = await checkout.run(tests);
    expect([second.code, packages()]).toEqual([0, ['ulid', 'zod']]);
    expect(second.output).toContain('(npm install): done in');
    for (const command of [dev, tests])
      expect(await checkout.run(command)).toMatchObject({ code: 0, output: expect.not.stringContaining('done in') });
    expect(readFileSync(path.join(checkout.folder, 'package-lock.json'), 'utf8')).toBe(lock);
  });
});

describe('each npm', () => {
  test.each(['10', '11', '12'])('%s installs, and starts the target by npm start', async (major) => {
    using checkout = new Checkout('one');
    const tool = path.join(checkout.cache, 'npm');
    mkdirSync(tool, { recursive: true });
    const installed = await runCommand(['npm', 'install', '--no-save', '--prefix', tool, `npm@${major}`], {
      cwd: tool,
    });
    expect(installed).toMatchObject({ code: 0 });
    const cli = path.join(tool, 'node_modules', 'npm', 'bin', 'npm-cli.js');
    const started = await checkout.run([process.execPath, cli, 'start', '--', 'exit', '0']);
    expect(started).toMatchObject({ code: 0, output: expect.stringContaining('(npm ci): done in') });
    expect(existsSync(path.join(checkout.folder, 'node_modules', 'ulid'))).toBe(true);
  });

  test("users' settings that leave packages out, or refuse this Node, do not matter", async () => {
    using checkout = new Checkout('one');
    const settings = { NODE_ENV: 'production', npm_config_engine_strict: 'true', npm_config_ignore_scripts: 'true' };
    expect(await checkout.run(['npm', 'start'], settings)).toMatchObject({ code: 0 });
  });
});

describe('two at once, and kills', () => {
  test('two at once: one installs, the other waits for it and says so', async () => {
    using checkout = new Checkout('one');
    const both = await Promise.all([1, 2].map(() => checkout.run([...setup, 'target.ts'])));
    const outputs = both.map((one) => one.output).join('');
    expect(
      both.map((one) => one.code),
      outputs,
    ).toEqual([0, 0]);
    expect(outputs.split('(npm ci): done in')).toHaveLength(2);
    expect(outputs).toContain('waiting for another set-up');
    expect(readdirSync(path.join(checkout.cache, 'tmp'))).toEqual([]);
    expect(readdirSync(path.join(checkout.cache, 'servers'))).toHaveLength(2);
  });

  test('killed in the middle, the next run goes on and leaves nothing of the first behind', async () => {
    using checkout = new Checkout('one');
    const { child, output } = checkout.start(['target.ts']);
    await eventually(() => expect(output()).toContain('getting nats-server …'));
    child.kill('SIGKILL');
    const again = await checkout.run([...setup, 'target.ts']);
    expect(again).toMatchObject({
      code: 0,
      output: expect.stringContaining('taking over from a set-up that was killed'),
    });
    expect(readdirSync(path.join(checkout.cache, 'tmp'))).toEqual([]);
    expect(readdirSync(path.join(checkout.folder, '.fairway'))).toEqual([]);
  });

  test('SIGTERM in the middle ends it at once, with the lock given back', async () => {
    using checkout = new Checkout('one');
    const { child, output } = checkout.start(['target.ts']);
    await eventually(() => expect(output()).toContain('getting nats-server …'));
    child.kill('SIGTERM');
    await eventually(() => expect(child.signalCode).toBe('SIGTERM'));
    expect(readdirSync(path.join(checkout.cache, 'tmp'))).toEqual([]);
    expect(readdirSync(path.join(checkout.folder, '.fairway'))).toEqual([]);
  });
});

describe('the network', () => {
  test('a proxy of the environment is used, by npm and by pip', async () => {
    using checkout = new Checkout('one');
    await using proxy = await startProxy();
    const npmCache = { npm_config_cache: path.join(checkout.cache, 'npm'), PIP_NO_CACHE_DIR: '1' };
    const through: Env = Object.fromEntries(['https_proxy', 'HTTPS_PROXY'].map((name) => [name, proxy.url]));
    expect(await checkout.run([...setup, 'target.ts'], { ...through, ...npmCache })).toMatchObject({ code: 0 });
    expect(proxy.hosts.size).toBeGreaterThanOrEqual(2);
  });

  test('without network and with empty caches a sentence says so', async () => {
    using checkout = new Checkout('one');
    const empty = { npm_config_cache: path.join(checkout.cache, 'npm'), npm_config_fetch_retries: '0' };
    const result = await checkout.run(['npm', 'start'], { ...noNetwork, ...empty });
    expect(result.code).not.toBe(0);
    expect(result.output).toMatch(/npm ci failed: .*\n.*The package registry cannot be reached: check the network/);
  });
});

/** A proxy that speaks CONNECT only, and remembers the hosts that it was asked for. */
async function startProxy(): Promise<AsyncDisposable & { url: string; hosts: Set<string> }> {
  const hosts = new Set<string>();
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    client.once('data', (head) => {
      const [, host = '', port] = /^CONNECT ([^:]+):(\d+)/.exec(head.toString()) ?? [];
      hosts.add(host);
      const upstream = connect(Number(port), host, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        client.pipe(upstream).pipe(client);
      });
      sockets.add(upstream);
      upstream.on('error', () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, hosts, [Symbol.asyncDispose]: close };
}
