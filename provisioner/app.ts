import type { QueueVerdict } from '#shared/runtime/keyed-queue.ts';
import { reconcile, type Reconciler } from './reconcile.ts';

/** What the chain needs. */
export interface WorkOptions {
  /** True for endpoints whose shard is leased to this process. */
  owns: (endpointId: string) => boolean;
  reconciler: Reconciler;
}

/**
 * What happens to each wake-up, in order. This process serves no clients: endpoints that are woken by the stream, by a
 * watch, by a router's report, by a proof or by resync are its requests.
 */
export function createWork({ owns, reconciler }: WorkOptions) {
  return async (endpointId: string, signal: AbortSignal): Promise<QueueVerdict> => {
    // Somebody else's work; the owner is woken by the same things, and this process again when shards change hands.
    if (!owns(endpointId)) return undefined;
    await reconciler.caches.synced(signal);
    return reconcile(reconciler, endpointId, signal);
  };
}
