import { isDeepStrictEqual } from 'node:util';
import { believes, type StreamReading } from '#shared/contract/stream-stamp.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { fenceBinding, fencePolicy, resourceDefinition } from '../manifests/fence.ts';
import { covers } from '../plan/covers.ts';
import type { Hold } from '../plan/hold.ts';
import { readClusterStamp } from './cluster-stamp.ts';

/** What is known of a cluster at one moment, as plain data. */
export interface ObservedCluster {
  region: string;
  /** The stream of desired state, and how many documents it has. */
  stream: StreamReading;
  documents: number;
  /** The namespace of shared parts, which carries the stamp. */
  namespace: KubeObject | null;
  /** The custom resource's definition and the fence as they are; what is missing is left out. */
  shared: readonly KubeObject[];
  /** This process has seen the fence refuse a write. */
  inForce: boolean;
}

/** One mutation of what the endpoints of a cluster share. */
export type ClusterStep = { why: string } & (
  | { kind: 'stamp'; stamp: StreamReading; namespace: KubeObject | null }
  | { kind: 'apply'; object: KubeObject }
  | { kind: 'try-fence' }
);

/** Why nothing of the cluster may be touched, or what to do for it. */
export interface ClusterPlan {
  refusal: Hold | null;
  steps: readonly ClusterStep[];
}

/** The stamp first, since it says whether the rest may be touched at all; then the definition and the fence. Pure. */
export function planCluster(observed: ObservedCluster): ClusterPlan {
  const { stream, namespace, shared, inForce } = observed;
  const stamp = readClusterStamp(namespace);
  const refusal = refusalOf(observed, stamp);
  if (refusal !== null) return { refusal, steps: [] };
  const why = stamp === undefined ? 'nobody has worked on this cluster' : 'the stream of desired state has moved on';
  const stamps: ClusterStep[] = isDeepStrictEqual(stamp, stream)
    ? []
    : [{ kind: 'stamp', stamp: stream, namespace, why }];
  const applies = [resourceDefinition(), fencePolicy(), fenceBinding()].flatMap((object): ClusterStep[] => {
    const live = shared.find(({ kind }) => kind === object.kind);
    return covers(live ?? {}, object) ? [] : [{ kind: 'apply', object, why: 'endpoints need it' }];
  });
  const untried = !inForce || applies.length > 0;
  const tries: ClusterStep[] = untried ? [{ kind: 'try-fence', why: 'a fence counts once it has refused' }] : [];
  return { refusal: null, steps: [...stamps, ...applies, ...tries] };
}

function refusalOf({ region, stream }: ObservedCluster, stamp: StreamReading | undefined): Hold | null {
  if (stamp !== undefined && stamp.region !== region)
    return {
      reason: 'ForeignCluster',
      message: `The cluster belongs to region ${stamp.region}, not to ${region}: nothing in it is touched.`,
      hint: 'Give this provisioner the kubeconfig of its own region’s cluster.',
    };
  if (believes(stamp, stream)) return null;
  const same = stamp?.id === stream.id;
  const what = same
    ? `ends at ${stream.lastSeq}, and has been at ${stamp.lastSeq} before: it was restored from a copy`
    : `is not the one that this cluster was worked on with: it was made anew`;
  return {
    reason: same ? 'StreamRestored' : 'StreamReplaced',
    message: `The stream of desired state ${what}. Endpoints go on serving, nothing is changed.`,
    hint: 'Bring the right stream back, or say that this one is right: npm run admin -- adopt.',
  };
}
