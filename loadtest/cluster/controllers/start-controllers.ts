import type { Logger } from '#shared/runtime/log.ts';
import type { Registry } from '../api/registry.ts';
import { collectGarbage } from './garbage-collector.ts';
import { reconcileDeployments } from './deployments.ts';
import { finalizeNamespaces } from './namespaces.ts';
import { reconcileReplicaSets } from './replica-sets.ts';
import { schedulePods } from './scheduler.ts';

const controllers = [finalizeNamespaces, collectGarbage, reconcileDeployments, reconcileReplicaSets, schedulePods];

/**
 * Runs all controllers once after every burst of writes, until nothing changes any more. They are level-triggered:
 * each looks at the whole store, and a turn that does nothing writes nothing.
 */
export function startControllers(registry: Registry, log: Logger): Disposable {
  let stopped = false;
  let planned = false;
  const turn = (): void => {
    planned = false;
    if (stopped) return;
    for (const controller of controllers) {
      try {
        controller(registry);
      } catch (error) {
        log.error({ err: error, controller: controller.name }, 'controller.failed');
      }
    }
  };
  const wake = (): void => {
    if (!planned) setImmediate(turn);
    planned = true;
  };
  const unsubscribe = registry.store.subscribe(wake);
  wake();
  return {
    [Symbol.dispose]() {
      stopped = true;
      unsubscribe();
    },
  };
}
