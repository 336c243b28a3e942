import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';

const runServiceUrl = new URL('./run-service.ts', import.meta.url).href;
const configErrorUrl = new URL('./config-error.ts', import.meta.url).href;

/** A process that runs a service; `body` is the source of its start function, which gets `{ log, signal }`. */
class Process {
  readonly child: ChildProcess;
  output = '';

  constructor(body: string, env: Record<string, string> = {}) {
    const source = `
      import { runService } from ${JSON.stringify(runServiceUrl)};
      import { ConfigError } from ${JSON.stringify(configErrorUrl)};
      await runService('fixture', async ({ log, signal }) => { ${body} });
    `;
    this.child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => void (this.output += chunk.toString()));
  }

  async said(event: string): Promise<Record<string, unknown>> {
    return eventually(() => {
      const line = this.output.split('\n').find((text) => text.includes(`"msg":"${event}"`));
      if (line === undefined) throw new Error(`it did not say ${event}: ${this.output}`);
      const fields: unknown = JSON.parse(line);
      return fields !== null && typeof fields === 'object' ? { ...fields } : {};
    });
  }

  async end(): Promise<{ code: number | null; signal: string | null }> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
    return { code: this.child.exitCode, signal: this.child.signalCode };
  }
}

/** A service whose dispose says so, after a real pause and with a handle open. */
const orderly = (disposeMs: number): string => `
  const handle = setInterval(() => {}, 1000);
  return {
    url: 'http://127.0.0.1:1',
    async [Symbol.asyncDispose]() {
      log.info('fixture.disposing');
      await new Promise((resolve) => setTimeout(resolve, ${disposeMs}));
      clearInterval(handle);
      log.info('fixture.disposed');
    },
  };`;

describe('runService', () => {
  const started = endAfterEach();
  const run = (body: string, env?: Record<string, string>): Process => {
    const made = new Process(body, env);
    started.child(made.child);
    return made;
  };

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s disposes the service and ends with 0', async (signal) => {
    const service = run(orderly(50));
    expect(await service.said('service.started')).toMatchObject({ url: 'http://127.0.0.1:1', service: 'fixture' });
    service.child.kill(signal);
    expect(await service.end()).toEqual({ code: 0, signal: null });
    expect(await service.said('service.stopping')).toMatchObject({ reason: signal });
    await service.said('fixture.disposed');
    await service.said('service.stopped');
  });

  it('takes a signal that is repeated at once for one request', async () => {
    const service = run(orderly(300));
    await service.said('service.started');
    service.child.kill('SIGINT');
    service.child.kill('SIGTERM');
    expect(await service.end()).toEqual({ code: 0, signal: null });
    await service.said('fixture.disposed');
  });

  it('ends hard when it is asked again', async () => {
    const service = run(orderly(60_000));
    await service.said('service.started');
    service.child.kill('SIGTERM');
    await service.said('fixture.disposing');
    // What comes within half a second is the same request: one after the other until it is another one.
    await eventually(() => {
      service.child.kill('SIGTERM');
      expect(service.output).toContain('service.killed');
    });
    expect(await service.end()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await service.said('service.killed')).toMatchObject({ reason: 'asked to stop again' });
  });

  it.each([
    ['dispose', orderly(60_000), 'service.started'],
    [
      'start',
      `setInterval(() => {}, 1000); log.info('fixture.hanging'); await new Promise(() => {});`,
      'fixture.hanging',
    ],
    [
      'a handle that is left',
      `setInterval(() => {}, 1000); return { async [Symbol.asyncDispose]() {} };`,
      'service.started',
    ],
  ])('is ended by its watchdog when it hangs in %s', async (_where, body, event) => {
    const service = run(body, { FAIRWAY_STOP_TIMEOUT_MS: '300' });
    await service.said(event);
    service.child.kill('SIGTERM');
    expect(await service.end()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await service.said('service.killed')).toMatchObject({ reason: 'not stopped after 300 ms' });
  });

  it('ends with 0 when it is stopped while it starts', async () => {
    const service = run(`
      log.info('fixture.starting');
      setTimeout(() => {}, 60_000).unref();
      await new Promise((resolve, reject) => {
        const wait = setTimeout(resolve, 60_000);
        signal.addEventListener('abort', () => { clearTimeout(wait); reject(signal.reason); });
      });`);
    await service.said('fixture.starting');
    service.child.kill('SIGTERM');
    expect(await service.end()).toEqual({ code: 0, signal: null });
    expect(service.output).not.toContain('service.failed');
  });

  it('ends with 1 and the sentence when the configuration does not fit', async () => {
    const service = run(`throw new ConfigError('Set FAIRWAY_X.');`);
    expect(await service.end()).toEqual({ code: 1, signal: null });
    const failure = await service.said('service.failed');
    expect(failure).toMatchObject({ level: 'fatal', reason: 'Set FAIRWAY_X.' });
    expect(failure).not.toHaveProperty('err');
  });

  it('ends with 1 when the start fails otherwise, and shows the cause', async () => {
    const service = run(`throw new Error('no way', { cause: new Error('deep reason') });`);
    expect(await service.end()).toEqual({ code: 1, signal: null });
    expect(await service.said('service.failed')).toMatchObject({ err: { cause: { message: 'deep reason' } } });
  });

  it('ends with 1 when the dispose fails', async () => {
    const service = run(`
      const handle = setInterval(() => {}, 1000);
      return { async [Symbol.asyncDispose]() { clearInterval(handle); throw new Error('stuck'); } };`);
    await service.said('service.started');
    service.child.kill('SIGTERM');
    expect(await service.end()).toEqual({ code: 1, signal: null });
    expect(await service.said('service.failed')).toMatchObject({ err: { message: 'stuck' } });
  });

  it.each([
    ['FAIRWAY_LOG_LEVEL', 'loud'],
    ['FAIRWAY_STOP_TIMEOUT_MS', 'soon'],
    ['FAIRWAY_STOP_TIMEOUT_MS', '-1'],
  ])('refuses to start with %s=%s', async (name, value) => {
    const service = run(orderly(0), { [name]: value });
    expect(await service.end()).toEqual({ code: 1, signal: null });
    expect((await service.said('service.failed'))['reason']).toContain(`${name} must be`);
  });

  it('stops when its standard input ends, if it is told so', async () => {
    const service = run(orderly(10), { FAIRWAY_EXIT_ON_STDIN_END: '1' });
    await service.said('service.started');
    service.child.stdin?.end();
    expect(await service.end()).toEqual({ code: 0, signal: null });
    expect(await service.said('service.stopping')).toMatchObject({ reason: 'standard input ended' });
  });

  it('ends in order on a signal while it watches its standard input', async () => {
    const service = run(orderly(10), { FAIRWAY_EXIT_ON_STDIN_END: '1' });
    await service.said('service.started');
    service.child.kill('SIGTERM');
    expect(await service.end()).toEqual({ code: 0, signal: null });
  });

  it('does not care for its standard input otherwise', async () => {
    const service = run(orderly(10));
    await service.said('service.started');
    service.child.stdin?.end();
    service.child.kill('SIGTERM');
    expect(await service.end()).toEqual({ code: 0, signal: null });
    expect(await service.said('service.stopping')).toMatchObject({ reason: 'SIGTERM' });
  });

  it.each([
    ['a rejection', `setTimeout(() => { void Promise.reject(new Error('nobody cares')); }, 20);`],
    ['an exception', `setTimeout(() => { throw new Error('nobody cares'); }, 20);`],
  ])('stops in order, with 1, after %s that nobody caught', async (_what, body) => {
    const service = run(`${body}${orderly(50)}`);
    expect(await service.end()).toEqual({ code: 1, signal: null });
    expect(await service.said('service.uncaught')).toMatchObject({ err: { message: 'nobody cares' } });
    await service.said('fixture.disposed');
  });
});
