import type { SpecDocument } from '#shared/contract/desired.ts';
import { hostLabel } from '#shared/contract/ids.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { targetOf, type Target } from '../manifests/target.ts';
import type { ObservedState } from '../observe/observed-state.ts';

/** A spec that was taken up and is not being deleted. */
export interface Wish {
  spec: SpecDocument;
  revision: number;
}

/** What to make real now, and whether it is the newest spec or the live one after a rejection. */
export interface ChosenTarget {
  target: Target;
  of: 'desired' | 'live';
}

/** True when the newest spec was given up, by the status or by what has just failed. */
export function isRejected({ status, failure }: Pick<ObservedState, 'status' | 'failure'>, revision: number): boolean {
  return status.document?.rejection?.revision === revision || failure?.revision === revision;
}

/** The newest spec; after its rejection the one that is live, as long as there is one. Pure. */
export function chooseTarget(wish: Wish, observed: Pick<ObservedState, 'status' | 'failure'>): ChosenTarget {
  const target = targetOf(wish.spec, wish.revision);
  const live = observed.status.document?.live ?? null;
  if (live === null || !isRejected(observed, wish.revision)) return { target, of: 'desired' };
  const { version, name, enablePublicEndpoint, deployments } = live;
  return { target: { ...target, version, name, enablePublicEndpoint, deployments }, of: 'live' };
}

/** Host names of a target; the public one only where it is enabled. */
export function hostsOf(target: Target, domain: string): NonNullable<StatusDocument['hosts']> {
  const label = hostLabel(target.endpointId);
  return {
    private: `${label}-private-${domain}`,
    ...(target.enablePublicEndpoint && { public: `${label}-public-${domain}` }),
  };
}
