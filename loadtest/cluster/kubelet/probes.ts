import { request } from 'node:http';
import { pause, type Clock } from '#shared/runtime/clock.ts';
import type { Container, Probe } from '../objects/workloads.ts';
import type { PodAddress } from './pod-addresses.ts';

export interface ProbeHooks {
  clock: Clock;
  signal: AbortSignal;
  started: () => void;
  ready: (ready: boolean) => void;
  /** The container must be ended, and why. */
  fail: (why: string) => void;
}

/** Runs a container's probes until the signal aborts: startup first, then readiness and liveness beside each other. */
export async function runProbes(container: Container, address: PodAddress, hooks: ProbeHooks): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = container;
  const { signal } = hooks;
  const check = (probe: Probe) => (): Promise<boolean> => checkHttp(probe, targetOf(container, probe, address), signal);
  if (startupProbe !== undefined) {
    const verdict = await untilVerdict(startupProbe, check(startupProbe), hooks);
    if (verdict === undefined) return;
    if (!verdict) return hooks.fail('failed startup probe');
  }
  hooks.started();
  const watch = async (probe: Probe | undefined, told: (ok: boolean) => void): Promise<void> => {
    while (probe !== undefined && !signal.aborted) {
      const verdict = await untilVerdict(probe, check(probe), hooks);
      if (verdict !== undefined) told(verdict);
      await pause(hooks.clock, probe.periodSeconds * 1000, hooks.signal);
    }
  };
  if (readinessProbe === undefined) hooks.ready(true);
  await Promise.all([
    watch(readinessProbe, hooks.ready),
    watch(livenessProbe, (ok) => ok || hooks.fail('failed liveness probe')),
  ]);
}

/** Looks until as many successes or failures in a row are seen as the probe asks for; undefined when aborted. */
async function untilVerdict(
  probe: Probe,
  check: () => Promise<boolean>,
  hooks: ProbeHooks,
): Promise<boolean | undefined> {
  let [successes, failures] = [0, 0];
  await pause(hooks.clock, (probe.initialDelaySeconds ?? 0) * 1000, hooks.signal);
  while (!hooks.signal.aborted) {
    [successes, failures] = (await check()) ? [successes + 1, 0] : [0, failures + 1];
    if (hooks.signal.aborted) return undefined;
    if (successes >= probe.successThreshold) return true;
    if (failures >= probe.failureThreshold) return false;
    await pause(hooks.clock, probe.periodSeconds * 1000, hooks.signal);
  }
  return undefined;
}

interface Target {
  host: string;
  port: number;
}

/** A probe names a container port; where pods share an address, the pod listens on another. */
function targetOf(container: Container, { httpGet }: Probe, { ip, port }: PodAddress): Target {
  const ports = container.ports ?? [];
  const named = ports.find(({ name }) => name === httpGet.port)?.containerPort;
  const wanted = typeof httpGet.port === 'number' ? httpGet.port : (named ?? Number(httpGet.port));
  return { host: ip, port: wanted === ports[0]?.containerPort ? port : wanted };
}

/** Each probe is a connection of its own; 200 to 399 within the time-out is a success. */
function checkHttp({ httpGet, timeoutSeconds }: Probe, target: Target, signal: AbortSignal): Promise<boolean> {
  const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  return new Promise((resolve) => {
    const probe = request({
      ...target,
      path: httpGet.path,
      headers: { 'user-agent': 'kube-probe/1.37', ...headers },
      agent: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, timeoutSeconds) * 1000)]),
    });
    probe.once('error', () => resolve(false));
    probe.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve(status >= 200 && status < 400);
    });
    probe.end();
  });
}
