import { expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';
import type { Upstream, UpstreamFailure, UpstreamHandler, UpstreamHead, UpstreamTarget } from './upstream.ts';

/** An implementation with a model server behind it that answers by script. */
export interface UpstreamUnderTest extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly target: UpstreamTarget;
  /** Bodies that arrived. */
  bodies(): string[];
  /** Ends the present `wait` of every answer. */
  release(): void;
  /** Requests whose connection the router has closed. */
  aborted(): number;
}

class Recorder implements UpstreamHandler {
  readonly heads: UpstreamHead[] = [];
  readonly failures: UpstreamFailure[] = [];
  text = '';
  ends = 0;
  sent = 0;

  onSent(): void {
    this.sent += 1;
  }

  onHead(head: UpstreamHead): void {
    this.heads.push(head);
  }

  onData(chunk: Buffer): void {
    this.text += chunk.toString();
  }

  onEnd(): void {
    this.ends += 1;
  }

  onFailure(failure: UpstreamFailure): void {
    this.failures.push(failure);
  }
}

const request = { method: 'POST', path: '/v1/x', headers: { 'content-type': 'application/json' }, fresh: false };

/** What every upstream does. `make` gives one whose server answers with these steps; no steps: it cannot be reached. */
export function upstreamContract(
  make: (steps: readonly UpstreamStep[] | undefined) => Promise<UpstreamUnderTest>,
): void {
  const whole: UpstreamStep[] = [{ head: 200 }, { data: 'a' }, { data: 'b' }, { end: true }];

  it('gives head, data in order and one end, and sends the body as it is', async () => {
    await using under = await make(whole);
    const seen = new Recorder();
    const body = [Buffer.from('{"x": "\u00e9'), Buffer.from('\\u00e9"}')];
    under.upstream.send(under.target, { ...request, body }, seen);
    expect(seen.heads).toEqual([]);
    await eventually(() => expect(seen.ends).toBe(1));
    expect(seen.heads.map(({ status }) => status)).toEqual([200]);
    expect(seen.text).toBe('ab');
    expect(seen.sent).toBe(1);
    expect(seen.failures).toEqual([]);
    expect(under.bodies()).toEqual([Buffer.concat(body).toString()]);
  });

  it('tells a server that cannot be reached from one that broke off', async () => {
    await using away = await make(undefined);
    await using broken = await make([{ head: 200 }, { data: 'a' }, { fail: 'reset' }]);
    const [first, second] = [new Recorder(), new Recorder()];
    away.upstream.send(away.target, { ...request, body: [Buffer.from('{}')] }, first);
    broken.upstream.send(broken.target, { ...request, body: [Buffer.from('{}')] }, second);
    await eventually(() => expect(first.failures.map(({ kind }) => kind)).toEqual(['connect']));
    await eventually(() => expect(second.failures.map(({ kind }) => kind)).toEqual(['reset']));
    expect(second.heads).toHaveLength(1);
    expect(first.ends + second.ends).toBe(0);
  });

  it('closes the connection when it is aborted, and says nothing after that', async () => {
    await using under = await make([{ head: 200 }, { data: 'a' }, { wait: true }, { data: 'b' }, { end: true }]);
    const seen = new Recorder();
    const call = under.upstream.send(under.target, { ...request, body: [Buffer.from('{}')] }, seen);
    await eventually(() => expect(seen.text).toBe('a'));
    call.abort();
    call.abort();
    await eventually(() => expect(under.aborted()).toBe(1));
    expect(seen).toMatchObject({ text: 'a', ends: 0, failures: [] });
  });

  it('sends nothing when it is aborted at once', async () => {
    await using under = await make(whole);
    const seen = new Recorder();
    under.upstream.send(under.target, { ...request, body: [Buffer.from('{}')] }, seen).abort();
    const other = new Recorder();
    under.upstream.send(under.target, { ...request, body: [Buffer.from('{}')] }, other);
    await eventually(() => expect(other.ends).toBe(1));
    expect(seen).toMatchObject({ heads: [], ends: 0, failures: [] });
  });

  it('goes on where it was after a pause', async () => {
    await using under = await make([{ head: 200 }, { data: 'a' }, { wait: true }, { data: 'b' }, { end: true }]);
    const seen = new Recorder();
    const call = under.upstream.send(under.target, { ...request, body: [Buffer.from('{}')] }, seen);
    await eventually(() => expect(seen.text).toBe('a'));
    call.pause();
    under.release();
    call.resume();
    await eventually(() => expect(seen).toMatchObject({ text: 'ab', ends: 1, failures: [] }));
  });
}
