import { engineDeployment, type EngineGroup } from '../manifests/engine-deployment.ts';
import { groupsOf } from '../manifests/endpoint-objects.ts';
import type { AppliedSpec } from '../manifests/applied-spec.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { PlanSettings } from './settings.ts';
import { askedAnnotation, labels } from '../manifests/names.ts';

/** A group of replicas as it is to run now. */
export interface CurrentGroup {
  group: EngineGroup;
  /** Its Deployment at the count that it has (0 when it is not there yet): what is applied is this with another count. */
  deployment: KubeObject;
  /** Hash of the pod template: replicas of another revision prove nothing about this one. */
  revision: string;
}

/**
 * The groups of a spec, each with its one current template. A Deployment that was made for what the spec still asks keeps
 * its template, although this build or its settings would write another: an upgrade rolls nobody, until the spec changes
 * or the endpoint's turn to be renewed has come. Pure.
 */
export function currentGroups(
  spec: AppliedSpec,
  observed: Pick<ObservedState, 'children' | 'status' | 'renew'>,
  settings: Pick<PlanSettings, 'manifests'>,
): CurrentGroup[] {
  const live = observed.status.document?.live?.revision === spec.intentSeq;
  return groupsOf(spec, settings.manifests).map((group) => {
    const newest = engineDeployment(group, settings.manifests, 0);
    const { [askedAnnotation]: asked = '' } = newest.metadata.annotations ?? {};
    const made = observed.children.filter(({ kind, metadata }) => {
      if (kind !== 'Deployment') return false;
      const madeFor = metadata.annotations?.[askedAnnotation];
      // An older build did not say for what it was made; of a spec that is live that is known.
      return madeFor === undefined ? live && isOf(metadata.labels, group) : madeFor === asked;
    });
    const begun = made.some(({ metadata }) => metadata.name === newest.metadata.name);
    const kept = begun || observed.renew ? undefined : made[0];
    const deployment = kept === undefined ? newest : withAsked(keptDeployment(kept), asked);
    return { group, deployment, revision: deployment.metadata.labels?.[labels.revision] ?? '' };
  });
}

function isOf(marks: Record<string, string> | undefined, { deployment, accelerator }: EngineGroup): boolean {
  const { acceleratorId } = accelerator;
  return marks?.[labels.pool] === deployment.modelId && marks[labels.accelerator] === acceleratorId;
}

function withAsked(deployment: KubeObject, asked: string): KubeObject {
  return { ...deployment, metadata: { ...deployment.metadata, annotations: { [askedAnnotation]: asked } } };
}

/** True when a group runs on the template that this build writes. Pure. */
export function isNewest({ group, deployment }: CurrentGroup, { manifests }: Pick<PlanSettings, 'manifests'>): boolean {
  return deployment.metadata.name === engineDeployment(group, manifests, 0).metadata.name;
}

/** A Deployment as it was applied: everything but the count stays. */
export function keptDeployment({ apiVersion, kind, metadata, spec }: KubeObject): KubeObject {
  const { name, namespace, labels: kept, annotations } = metadata;
  const asked = annotations?.[askedAnnotation];
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(kept && { labels: kept }),
      ...(asked !== undefined && { annotations: { [askedAnnotation]: asked } }),
    },
    spec,
  };
}

/** The same Deployment with another count. */
export function scaledTo(deployment: KubeObject, replicas: number): KubeObject {
  return { ...deployment, spec: { ...(deployment['spec'] as object), replicas } };
}
