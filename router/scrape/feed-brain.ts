import type { PoolDocument } from '#shared/contract/replica.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { EdgeCopy } from '../edge/edge-copy.ts';
import type { Upstream } from '../forward/upstream.ts';
import { tickMs, type Brain } from '../pick/brain.ts';
import { watchReplicas, type WatchOptions } from './watch-replicas.ts';

/** Keeps the brain current: pools as they change, looks at replicas, and the time. */
export function feedBrain(
  brain: Brain,
  { copy, upstream, ...watch }: Omit<WatchOptions, 'pools'> & { copy: EdgeCopy; upstream: Upstream },
): AsyncDisposable {
  const { clock, log } = watch;
  copy.onChange((what) => {
    if (what === 'pools') for (const gone of brain.setPools(copy.pools.documents())) upstream.forget(gone);
  });
  const feeding = new AsyncDisposableStack();
  feeding.use(startLoop({ name: 'brain.tick', everyMs: tickMs, clock, log }, () => brain.tick()));
  const pools = (): PoolDocument[] => copy.pools.documents();
  feeding.use(watchReplicas(brain, { ...watch, pools }));
  return feeding;
}
