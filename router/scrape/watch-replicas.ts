import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { KvEvents } from './kv-events/kv-events.ts';
import type { LedgerChannel } from '../ledger/ledger-channel.ts';
import type { Brain } from '../pick/brain.ts';
import type { RouterMetrics } from '../request/record/metrics.ts';
import { FleetLooks } from './fleet-looks.ts';
import { Scraper } from './scraper.ts';

/** A router, and the replicas that it watches. */
export interface WatchOptions {
  readonly router: string;
  readonly channel: LedgerChannel;
  readonly pools: () => readonly PoolDocument[];
  readonly everyMs: number;
  readonly metrics: Pick<RouterMetrics, 'scrapes' | 'kvEvents'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells a brain what replicas say, shared out among routers: health and load, and what they publish of their caches. */
export function watchReplicas(brain: Brain, options: WatchOptions): AsyncDisposable {
  const { router, channel, pools, everyMs, metrics, clock, log } = options;
  const watch = new AsyncDisposableStack();
  const looks = watch.use(
    new FleetLooks({
      router,
      everyMs,
      channel,
      peers: () => brain.table.peers().map((row) => row.router),
      doubts: (replica) => brain.doubts(replica),
      heard: (result) => {
        metrics.scrapes.inc({ result: 'heard' });
        brain.scraped(result);
      },
      clock,
    }),
  );
  const events = watch.use(
    new KvEvents({
      pools,
      isMine: (replica) => looks.isMine(replica),
      cleared: (replica) => looks.want(replica),
      counted: (result) => metrics.kvEvents.inc({ result }),
      clock,
      log,
    }),
  );
  watch.use(
    new Scraper({
      pools,
      everyMs,
      scraped: (result) => brain.scraped(result),
      looks,
      cacheNews: (replica) => events.newsOf(replica),
      isSuspect: (replica) => brain.isSuspect(replica),
      counted: (result) => metrics.scrapes.inc({ result }),
      clock,
      log,
    }),
  );
  return watch;
}
