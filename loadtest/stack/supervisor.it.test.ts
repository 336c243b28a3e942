import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import type { ProcessSpec } from './child-process.ts';
import { createSupervisor, type SupervisorEvents } from './supervisor.ts';

/** A process that says that it is ready, then lives until its standard input ends or a signal comes. */
const service = `process.stdin.resume(); console.log('{"msg":"service.started"}')`;

let folder: string;
let events: string[];
const started = endAfterEach();
beforeEach(async () => {
  folder = await started.folder('fairway-supervisor-');
  events = [];
});

const listener: SupervisorEvents = {
  ready: (name) => void events.push(`ready ${name}`),
  died: (name, reason) => void events.push(`died ${name}: ${reason}`),
  restarted: (name) => void events.push(`back ${name}`),
  stuck: (name) => void events.push(`stuck ${name}`),
};

const spec = (parts: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name: 'a',
  command: process.execPath,
  args: ['-e', service],
  env: {},
  logFile: join(folder, 'a.log'),
  startTimeoutMs: 10_000,
  stopTimeoutMs: 2000,
  ...parts,
});

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('the supervisor', () => {
  it('starts again what is killed, and ends everything', async () => {
    const supervisor = createSupervisor(systemClock, listener);
    await supervisor.run(spec());
    const [first] = supervisor.list();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    const second = await eventually(() => {
      const [found] = supervisor.list();
      if (found === undefined || found.pid === first?.pid) throw new Error('not yet');
      return found;
    });
    expect(events).toEqual(['ready a', 'died a: signal SIGKILL', 'back a']);
    await supervisor[Symbol.asyncDispose]();
    expect(alive(second.pid)).toBe(false);
    expect(supervisor.list()).toEqual([]);
  });

  it('knows a foreign server by its process id, whatever it prints, and whether that comes first', async () => {
    await using supervisor = createSupervisor(systemClock, listener);
    for (const name of ['b', 'c', 'd', 'e', 'f']) {
      const args = ['-c', 'echo ready; echo 7; echo 8 >&2; exec sleep 600'];
      await supervisor.run(spec({ name, command: '/bin/sh', args, ready: async () => {} }));
    }
    const pids = supervisor.list().map(({ pid }) => pid);
    expect(pids.map(alive)).toEqual(Array(5).fill(true));
    await supervisor[Symbol.asyncDispose]();
    expect(pids.map(alive)).toEqual(Array(5).fill(false));
  });

  it('says what a process printed when it cannot start', async () => {
    await using supervisor = createSupervisor(systemClock, listener);
    const broken = spec({ args: ['-e', 'console.error("the port is taken"); process.exitCode = 1'] });
    await expect(supervisor.run(broken)).rejects.toThrow(
      /a ended before it was ready: exit code 1\n[\s\S]*the port is taken/,
    );
    await expect(supervisor.run(spec({ command: join(folder, 'missing') }))).rejects.toThrow(/ENOENT/);
  });

  it('ends what ignores SIGTERM', async () => {
    const supervisor = createSupervisor(systemClock, listener);
    const stubborn = `process.on('SIGTERM', () => {}); setTimeout(() => {}, 60000); console.log('"service.started"')`;
    await supervisor.run(spec({ args: ['-e', stubborn], stopTimeoutMs: 200 }));
    const [process_] = supervisor.list();
    await supervisor[Symbol.asyncDispose]();
    expect(alive(process_?.pid ?? 0)).toBe(false);
  });

  it('leaves no orphan when it is killed outright itself, neither an own process nor a foreign server', async () => {
    const script = join(folder, 'owner.ts');
    const here = join(import.meta.dirname, 'supervisor.ts');
    await writeFile(
      script,
      `import { writeFileSync } from 'node:fs';
       const { createSupervisor } = await import(${JSON.stringify(here)});
       const clock = { now: Date.now, monotonic: () => performance.now(), sleep: () => new Promise(() => {}) };
       const supervisor = createSupervisor(clock, { ready() {}, died() {}, restarted() {}, stuck() {} });
       const base = { env: {}, startTimeoutMs: 10000, stopTimeoutMs: 1000 };
       await supervisor.run({ ...base, name: 'own', command: process.execPath, args: ['-e', ${JSON.stringify(service)}], logFile: ${JSON.stringify(join(folder, 'own.log'))} });
       await supervisor.run({ ...base, name: 'foreign', command: '/bin/sleep', args: ['600'], ready: async () => {}, logFile: ${JSON.stringify(join(folder, 'foreign.log'))} });
       writeFileSync(${JSON.stringify(join(folder, 'pids'))}, JSON.stringify(supervisor.list().map((each) => each.pid)));
       setTimeout(() => {}, 600000);`,
    );
    const owner = started.child(spawn(process.execPath, [script], { stdio: 'ignore' }));
    const pids = await eventually(async () => JSON.parse(await readFile(join(folder, 'pids'), 'utf8')) as number[]);
    expect(pids.map((pid) => alive(pid))).toEqual([true, true]);
    owner.kill('SIGKILL');
    await eventually(() => expect(pids.map((pid) => alive(pid))).toEqual([false, false]));
  });
});
