import { lastToken, releaseTtlMs, streams, subjects } from '#shared/contract/subjects.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { readEach, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import type { AdminContext } from './admin-context.ts';

/**
 * Takes registrations of a VPC's routers away, so that no drain waits for them any more: the one that is named, else all.
 * A router that lives is registered again by its next report. Answers with the names of those that were registered.
 * @throws ConfigError when NATS did not store it.
 */
export async function forgetRouters({ nats }: AdminContext, vpcId: string, named?: string): Promise<string[]> {
  const registered = await readEach(nats, streams.infra.name, subjects.routersOfVpc(vpcId));
  const ids = registered.map(({ subject }) => lastToken(subject));
  const forgotten = ids.filter((routerId) => named === undefined || routerId === named);
  for (const routerId of forgotten) {
    const subject = subjects.router(vpcId, routerId);
    const marker = { subject, body: null, deleteMarker: true, ttlMs: releaseTtlMs };
    const outcome = await writeDocuments(nats, [marker], '');
    if (outcome.kind !== 'stored') throw new ConfigError(`${subject} could not be deleted (${outcome.reason}).`);
  }
  return forgotten;
}
