import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { endAfterEach } from '#shared/testing/started.ts';
import { choosePorts } from './ports.ts';
import { loadSecrets } from './secrets.ts';
import { openStateFolder } from './state-folder.ts';

let folder: string;
const started = endAfterEach();
beforeEach(async () => {
  folder = await started.folder('fairway-state-');
});

describe('the state folder', () => {
  it('is temporary and gone afterwards, or kept', async () => {
    const temporary = await openStateFolder(undefined);
    await temporary[Symbol.asyncDispose]();
    await expect(stat(temporary.path)).rejects.toThrow('ENOENT');
    const kept = await openStateFolder(join(folder, 'keep'));
    await kept[Symbol.asyncDispose]();
    expect((await stat(kept.path)).isDirectory()).toBe(true);
  });

  it('refuses a second owner with the next command, and takes over from a dead one', async () => {
    const path = join(folder, 'keep');
    {
      await using _first = await openStateFolder(path);
      await expect(openStateFolder(path)).rejects.toThrow(
        /Another Fairway \(process \d+\)[\s\S]*npm run dev -- --keep/,
      );
    }
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    await writeFile(join(path, 'lock'), String(dead.pid));
    await using taken = await openStateFolder(path);
    expect(taken.kept).toBe(true);
  });

  it('keeps its secrets for the user alone, the same at the next start', async () => {
    const first = await loadSecrets(folder);
    expect(await loadSecrets(folder)).toEqual(first);
    expect((await stat(join(folder, 'secrets.json'))).mode & 0o077).toBe(0);
  });

  it('explains a folder that cannot be written', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    await expect(openStateFolder(join(file, 'below'))).rejects.toThrow(/ENOTDIR|cannot be written/);
    const closed = join(folder, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o500);
    // Root may write everywhere: there the folder opens.
    if (process.getuid?.() !== 0) await expect(openStateFolder(join(closed, 'x'))).rejects.toThrow(/cannot be written/);
  });
});

describe('choosePorts', () => {
  it('takes different free ports', async () => {
    const { control, regionals, nats, redis, vpcs } = await choosePorts({
      first: 0,
      vpcs: 2,
      routers: 3,
      regionals: 2,
    });
    const ofVpcs = vpcs.flatMap(({ inference, privateInference, routers, cluster }) => [
      inference,
      privateInference,
      ...routers.flatMap(({ port, privatePort, adminPort }) => [port, privatePort, adminPort]),
      cluster,
    ]);
    const all = [control, ...regionals, nats, redis, ...ofVpcs];
    expect(all).toHaveLength(29);
    expect(new Set(all).size).toBe(all.length);
  });

  it('names a taken port and the next command', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(choosePorts({ first: port, vpcs: 1, routers: 1, regionals: 1 })).rejects.toThrow(
      new RegExp(`Port ${port} is taken[\\s\\S]*--port`),
    );
    server.close();
  });
});
