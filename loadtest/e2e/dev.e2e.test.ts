import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';

const main = join(import.meta.dirname, '../stack/main.ts');

/** `npm run dev` after set-up, as a process with a temporary folder of its own. */
interface Dev {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

let folder: string;
const started = endAfterEach();
beforeEach(async () => {
  folder = await started.folder('fairway dev ');
});

function dev(...args: string[]): Dev {
  const env = { ...process.env, TMPDIR: folder };
  const child = started.child(
    spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], cwd: folder }),
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, output: () => said, ended: once(child, 'exit').then(([code]) => code as number | null) };
}

/** Processes that name this test's folder in their arguments or environment. */
function strays(): string[] {
  const list = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 });
  return list.split('\n').filter((line) => line.includes(folder));
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

interface Report {
  inference: { url: string; token: string; model: string; endpointId: string };
  processes: { name: string; pid: number }[];
  replicas: { id: string; url: string; pid: number }[];
}

const readReport = (file: string): Promise<Report> =>
  eventually(async () => JSON.parse(await readFile(file, 'utf8')) as Report, { timeoutMs: 60_000 });

describe('npm run dev', () => {
  it('--smoke streams a completion, exits with 0 and leaves no process and no file', async () => {
    const run = dev('--smoke', '--port', '0');
    expect(await run.ended, run.output()).toBe(0);
    expect(run.output()).toContain('This is a simulated model');
    expect(run.output()).toMatch(/first token after \d+ ms/);
    expect(await readdir(folder)).toEqual([]);
    expect(strays()).toEqual([]);
  });

  it('writes --json, restarts what dies and writes it again, and ends everything on a signal', async () => {
    const file = join(folder, 'report.json');
    const run = dev('--port', '0', '--replicas', '1', '--json', file);
    const before = await readReport(file);
    expect(before.processes.map(({ name }) => name).toSorted()).toEqual(
      ['api-central', 'api-regional', 'cluster', 'kubelet', 'nats', 'provisioner', 'redis', 'router'].toSorted(),
    );
    expect(before.replicas).toHaveLength(1);
    await eventually(() => expect(run.output()).toContain('Ctrl-C ends it.'));
    const router = before.processes.find(({ name }) => name === 'router');
    process.kill(router?.pid ?? 0, 'SIGKILL');
    const after = await eventually(
      async () => {
        const report = await readReport(file);
        const again = report.processes.find(({ name }) => name === 'router');
        if (again === undefined || again.pid === router?.pid) throw new Error('not yet');
        return report;
      },
      { timeoutMs: 30_000 },
    );
    const answer = await fetch(`${after.inference.url}/v1/models`, {
      headers: { authorization: `Bearer ${after.inference.token}` },
    });
    expect(answer.status).toBe(200);
    run.child.kill('SIGINT');
    expect(await run.ended, run.output()).toBe(0);
    for (const { pid } of [...after.processes, ...after.replicas]) expect(alive(pid)).toBe(false);
    expect(await readdir(folder)).toEqual(['report.json']);
  });

  it('leaves no process when it is killed outright', async () => {
    const file = join(folder, 'report.json');
    const run = dev('--port', '0', '--replicas', '1', '--json', file);
    const { processes, replicas } = await readReport(file);
    run.child.kill('SIGKILL');
    await run.ended;
    await eventually(() => expect([...processes, ...replicas].filter(({ pid }) => alive(pid))).toEqual([]), {
      timeoutMs: 30_000,
    });
  });

  it('--keep finds its endpoint and token again', async () => {
    const keep = ['--smoke', '--port', '0', '--keep', '--state-dir', join(folder, 'kept')];
    const files = [join(folder, '1.json'), join(folder, '2.json')];
    for (const file of files) {
      const run = dev(...keep, '--json', file);
      expect(await run.ended, run.output()).toBe(0);
    }
    const [first, second] = await Promise.all(files.map((file) => readReport(file)));
    expect(second?.inference.endpointId).toBe(first?.inference.endpointId);
    expect(second?.inference.token).toBe(first?.inference.token);
  });

  it('says what to do when the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const run = dev('--port', String((server.address() as AddressInfo).port));
    expect(await run.ended).toBe(1);
    expect(run.output()).toMatch(/Port \d+ is taken[\s\S]*Next: npm run dev -- --port/);
    server.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops in the middle of its start', async () => {
    const run = dev('--port', '0');
    await eventually(() => expect(run.output()).toContain('nats is ready'));
    run.child.kill('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(await readdir(folder)).toEqual([]);
    expect(strays()).toEqual([]);
  });
});
