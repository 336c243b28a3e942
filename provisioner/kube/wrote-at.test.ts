import { beforeEach, describe, expect, test } from 'vitest';
import { createTestClock, type TestClock } from '#shared/testing/test-clock.ts';
import type { KubeObject } from './kube-object.ts';
import { VersionGate } from './version-gate.ts';
import { WroteAt, type WrittenCache } from './wrote-at.ts';

let clock: TestClock;
let overdue: number;
let gate: WroteAt;

beforeEach(() => {
  clock = createTestClock();
  overdue = 0;
  gate = new WroteAt({ clock, waitMaxMs: 30_000, onOverdue: () => (overdue += 1) });
});

const object = (version: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', resourceVersion: version },
});

function cache(): WrittenCache & { show(version: string): void } {
  const versions = new VersionGate();
  return {
    get resourceVersion() {
      return versions.version;
    },
    reached: (version, signal) => versions.reached(version, signal),
    show: (version) => versions.advance(version),
  };
}

describe('WroteAt', () => {
  test('a key without writes is ready', async () => {
    expect(gate.isReady('k')).toBe(true);
    await gate.ensureReady('k');
  });

  test('a key waits until every cache has shown its newest write, other keys do not', () => {
    const [pods, services] = [cache(), cache()];
    gate.wrote('k', pods, object('10'));
    gate.wrote('k', pods, object('12'));
    gate.wrote('k', services, object('11'));
    pods.show('11');
    services.show('11');
    expect(gate.isReady('k')).toBe(false);
    expect(gate.isReady('other')).toBe(true);
    pods.show('12');
    expect(gate.isReady('k')).toBe(true);
    expect(gate.pending).toBe(0);
  });

  test('an older write after a newer one changes nothing', () => {
    const pods = cache();
    gate.wrote('k', pods, object('12'));
    gate.wrote('k', pods, object('9'));
    pods.show('9');
    expect(gate.isReady('k')).toBe(false);
  });

  test('ensureReady resolves as soon as the caches are there', async () => {
    const [pods, services] = [cache(), cache()];
    gate.wrote('k', pods, object('10'));
    gate.wrote('k', services, object('11'));
    const ready = gate.ensureReady('k');
    pods.show('10');
    services.show('20');
    await ready;
    expect(overdue).toBe(0);
  });

  test('a write that is never shown is forgotten after its time, and counted', async () => {
    gate.wrote('k', cache(), object('10'));
    let done = false;
    const ready = gate.ensureReady('k').then(() => (done = true));
    await clock.advance(29_999);
    expect(done).toBe(false);
    await clock.advance(1);
    await ready;
    expect(overdue).toBe(1);
    expect(gate.pending).toBe(0);
  });

  test('waiting ends with the signal', async () => {
    gate.wrote('k', cache(), object('10'));
    const stop = new AbortController();
    const ready = expect(gate.ensureReady('k', stop.signal)).rejects.toThrow('stop');
    stop.abort(new Error('stop'));
    await ready;
  });

  test('a forgotten key is ready', () => {
    gate.wrote('k', cache(), object('10'));
    gate.forget('k');
    expect(gate.isReady('k')).toBe(true);
  });
});
