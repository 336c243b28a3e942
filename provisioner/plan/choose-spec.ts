import type { RevisedSpec } from '#shared/contract/desired.ts';
import { hostLabel } from '#shared/contract/ids.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { appliedSpec, type AppliedSpec } from '../manifests/applied-spec.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { uncarried } from './uncarried.ts';

/** What to make real now, and whether it is the newest spec or the live one after a rejection. */
export interface ChosenSpec {
  spec: AppliedSpec;
  of: 'desired' | 'live';
}

/** True when the newest spec was given up, by the status or by what has just failed. */
export function isRejected({ status, failure }: Pick<ObservedState, 'status' | 'failure'>, revision: number): boolean {
  return status.document?.rejection?.revision === revision || failure?.revision === revision;
}

/** The newest spec; after its rejection the one that is live, as long as there is one. Pure. */
export function chooseSpec(desired: RevisedSpec, observed: Pick<ObservedState, 'status' | 'failure'>): ChosenSpec {
  const spec = appliedSpec(desired.spec, desired.revision);
  const live = observed.status.document?.live ?? null;
  const given = isRejected(observed, desired.revision) || uncarried(desired, live) !== null;
  return live === null || !given ? { spec, of: 'desired' } : inPlaceOf(spec, live);
}

/** What is live, under the number of a spec that was given up. */
export function inPlaceOf(spec: AppliedSpec, live: NonNullable<StatusDocument['live']>): ChosenSpec {
  const { version, name, enablePublicEndpoint, deployments } = live;
  return { spec: { ...spec, version, name, enablePublicEndpoint, deployments }, of: 'live' };
}

/** Host names of a spec; the public one only where it is enabled. */
export function hostsOf(spec: AppliedSpec, domain: string): NonNullable<StatusDocument['hosts']> {
  const label = hostLabel(spec.endpointId);
  return {
    private: `${label}-private-${domain}`,
    ...(spec.enablePublicEndpoint && { public: `${label}-public-${domain}` }),
  };
}
