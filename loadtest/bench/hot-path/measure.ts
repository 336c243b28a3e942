import { startProcess } from './bench-process.ts';
import type { LoadJob, LoadResult } from './load.ts';
import type { Target } from './targets.ts';

/** What one target took for one lot of requests. */
export interface Measured {
  /** CPU seconds per 1,000 requests: of the target, and of those who ask and answer. */
  readonly cpu: number;
  readonly askersCpu: number;
  readonly ttftMs: readonly number[];
  readonly perSecond: number;
  readonly rssBytes: number;
}

/** Asks a target; bodies of the same seed are the same. */
export async function measure(
  target: Target,
  job: Omit<LoadJob, 'port' | 'token' | 'tls'>,
  replicasCpuMs: () => Promise<number>,
): Promise<Measured> {
  await using load = startProcess('load', { ...job, port: target.port, token: target.token, tls: target.tls });
  await load.hear();
  const [before, replicasBefore, loadBefore] = await Promise.all([target.cpuMs(), replicasCpuMs(), load.cpuMs()]);
  load.say('go');
  const { ttftMs, seconds } = await load.hear<LoadResult>();
  const [after, replicasAfter, loadAfter] = await Promise.all([target.cpuMs(), replicasCpuMs(), load.cpuMs()]);
  return {
    cpu: (after - before) / job.requests,
    askersCpu: (replicasAfter - replicasBefore + loadAfter - loadBefore) / job.requests,
    ttftMs,
    perSecond: job.requests / seconds,
    rssBytes: await target.rssBytes(),
  };
}
