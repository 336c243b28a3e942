import { setTimeout as delay } from 'node:timers/promises';
import type { DedicatedInference } from '#shared/contract/resource.ts';
import type { TestStack } from './test-stack.ts';

/** A watcher of G4: `lifecycle_seq` and `observed_revision` never go backwards, for any reader at any process. */
export interface History extends AsyncDisposable {
  /** One line per step backwards. */
  violations(): string[];
  reads(): number;
}

/** Reads the given endpoints again and again, at every API process in turn, until disposed. Failed reads do not count. */
export function watchHistory(fairway: TestStack, endpointIds: () => readonly string[]): History {
  const stop = new AbortController();
  const newest = new Map<string, DedicatedInference>();
  const violations: string[] = [];
  let reads = 0;
  const compare = (resource: DedicatedInference): void => {
    const before = newest.get(resource.id);
    reads += 1;
    if (
      before !== undefined &&
      (resource.lifecycle_seq < before.lifecycle_seq || resource.observed_revision < before.observed_revision)
    )
      violations.push(
        `${resource.name}: (${before.lifecycle_seq}, ${before.observed_revision}) then (${resource.lifecycle_seq}, ${resource.observed_revision})`,
      );
    newest.set(resource.id, resource);
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      for (const endpointId of endpointIds()) {
        const resource = await fairway.get(endpointId).catch(() => undefined);
        if (resource !== undefined) compare(resource);
      }
      await delay(50, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    violations: () => [...violations],
    reads: () => reads,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
