import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { retry } from '#shared/runtime/retry.ts';
import { kinds } from '../kube/kinds.ts';
import { isInvalid } from '../kube/kube-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { fenced } from '../manifests/endpoint-objects.ts';
import { fenceBinding, fencePolicy, resourceDefinition } from '../manifests/fence.ts';
import { sharedNamespace } from '../manifests/namespace.ts';
import type { KubeWrites } from '../kube/kube-client.ts';

/** What the installation needs. */
export interface InstallFenceOptions {
  kube: Pick<KubeWrites, 'apply' | 'get'>;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Applies the custom resource's definition and the fence, and waits until both are in force. Before that nothing may be
 * written: an unfenced write is one that a paused process could undo. Safe for several provisioners at once; waits for
 * the API server as long as it takes. @throws the signal's reason.
 */
export async function installFence(options: InstallFenceOptions): Promise<void> {
  const { kube, clock, log, signal } = options;
  const persist = async (what: string, attempt: () => Promise<unknown>): Promise<void> => {
    const unlimited = { baseMs: 100, maxMs: 5000, budgetMs: Number.POSITIVE_INFINITY };
    await retry({ clock, signal, ...unlimited }, async (number) => {
      try {
        return await attempt();
      } catch (error) {
        if (number > 0) log.info({ what, reason: String(error) }, 'cluster.waiting');
        throw error;
      }
    });
  };
  await persist('the custom resource definition', () => kube.apply(resourceDefinition(), { signal }));
  await persist('the custom resource to be served', () => requireEstablished(options));
  await persist('the fence', async () => {
    await kube.apply(fencePolicy(), { signal });
    await kube.apply(fenceBinding(), { signal });
  });
  await persist('the fence to be in force', () => requireInForce(options));
  log.info('fence.in_force');
}

async function requireEstablished({ kube, signal }: InstallFenceOptions): Promise<void> {
  const { name } = resourceDefinition().metadata;
  const live = await kube.get(kinds.customResourceDefinition, { name }, { signal });
  if (!isEstablished(live)) throw new Error(`${name} is not established yet`);
}

function isEstablished(definition: KubeObject): boolean {
  const status = definition['status'] as { conditions?: { type: string; status: string }[] } | undefined;
  return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
}

/** Tries a step back on the shared namespace: only its refusal shows that the API server has taken the policy up. */
async function requireInForce({ kube, signal }: InstallFenceOptions): Promise<void> {
  await kube.apply(fenced(sharedNamespace(), 2), { signal });
  try {
    await kube.apply(fenced(sharedNamespace(), 1), { signal });
  } catch (error) {
    if (isInvalid(error)) return;
    throw error;
  }
  throw new Error('the API server does not enforce the fence yet');
}
