import { infraResourceSchema, type InfraResource } from '#shared/contract/infra.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import type { Ownership } from '../leases/leases.ts';
import { MovedOnError, store } from '../desired/documents.ts';

/** What stands between this process and a call that costs money. */
export interface OutsideGuard {
  nats: Nats;
  clock: Clock;
  /** Whose work the call is, asked anew each time. */
  ownership: () => Ownership;
  /** Name of this provisioner in the row. */
  writer: string;
}

/** A call to a provider: what it is about, and what is there after it. */
export interface OutsideCall extends Pick<InfraResource, 'callerKey' | 'vpcId' | 'kind' | 'users'> {
  leaves: 'there' | 'gone';
  /** Idempotent by `callerKey`; gets the provider's name of the resource as far as it is known and gives it back. */
  call: (callerKey: string, externalId: string | null) => Promise<string | null>;
}

/**
 * Calls a provider, with the resource's row written before and after. Only the owner of the lease comes as far as the
 * write, only one compare-and-set wins, and the lease is looked at again right before the call. Who dies in between
 * leaves a row in state `calling`: the next one calls again with the same key.
 * @throws MovedOnError when it is not this process' work (any more), NotStoredError, and whatever the call throws.
 */
export async function callOutside(guard: OutsideGuard, what: OutsideCall): Promise<InfraResource> {
  const { nats, clock, writer } = guard;
  const { callerKey, vpcId, kind, users, leaves } = what;
  requireLease(guard, callerKey);
  const subject = subjects.resource(vpcId, callerKey);
  const last = await readLast(nats, streams.infra.name, subject);
  const known = last === null || last.deleted ? null : infraResourceSchema.parse(last.body);
  const row = (state: InfraResource['state'], externalId: string | null): InfraResource => {
    const updatedAt = new Date(clock.now()).toISOString();
    return { v: 1, callerKey, vpcId, kind, state, externalId, users, updatedAt, writer };
  };
  const begun = row('calling', known?.externalId ?? null);
  const expectedSeq = await store(nats, { subject, body: begun, expectedSeq: last?.seq ?? 0 });
  requireLease(guard, callerKey);
  const done = row(leaves, await what.call(callerKey, begun.externalId));
  await store(nats, { subject, body: done, expectedSeq });
  return done;
}

function requireLease({ ownership }: OutsideGuard, callerKey: string): void {
  if (ownership() !== 'mine') throw new MovedOnError(`${callerKey} is another provisioner's work now`);
}
