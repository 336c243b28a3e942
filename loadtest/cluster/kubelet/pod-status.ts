import { setCondition } from '../controllers/conditions.ts';
import type { JsonObject } from '../objects/object.ts';
import type { Pod } from '../objects/workloads.ts';
import type { PodAddress } from './pod-addresses.ts';

/** What a container does right now, in the words of `containerStatuses[].state`. */
export type ContainerState =
  | { waiting: { reason: string; message?: string } }
  | { running: { startedAt: string } }
  | { terminated: Terminated };

export type Terminated = {
  exitCode: number;
  signal?: number;
  reason: 'Completed' | 'Error';
  startedAt: string;
  finishedAt: string;
};

/** Everything that the kubelet knows of a pod. */
export interface PodFacts {
  address: PodAddress | undefined;
  hostIp: string;
  state: ContainerState;
  last: Terminated | undefined;
  restarts: number;
  started: boolean;
  ready: boolean;
  containerId: string | undefined;
  /** Set once no container will run any more. */
  outcome: 'Succeeded' | 'Failed' | undefined;
  startTime: string;
}

/** The pod's status as it is written; `before` gives the transition times. */
export function podStatus(pod: Pod, before: JsonObject, facts: PodFacts & { now: string }): JsonObject {
  const { address, state, last, now, ready } = facts;
  const hasRun = 'running' in state || facts.restarts > 0 || last !== undefined;
  const [container] = pod.spec.containers;
  const because = ready
    ? {}
    : { reason: 'ContainersNotReady', message: 'containers with unready status: [' + (container?.name ?? '') + ']' };
  const conditions = [
    { type: 'PodScheduled', status: 'True' as const },
    { type: 'Initialized', status: 'True' as const },
    { type: 'ContainersReady', status: ready ? ('True' as const) : ('False' as const), ...because },
    { type: 'Ready', status: ready ? ('True' as const) : ('False' as const), ...because },
  ].reduce((status, condition) => setCondition(status, condition, now), {
    conditions: before['conditions'] ?? [],
  } as JsonObject);
  return {
    ...conditions,
    phase: facts.outcome ?? (hasRun ? 'Running' : 'Pending'),
    hostIP: facts.hostIp,
    startTime: facts.startTime,
    ...(address === undefined ? {} : { podIP: address.ip, podIPs: [{ ip: address.ip }] }),
    containerStatuses: [
      {
        name: container?.name,
        image: container?.image,
        imageID: container?.image,
        containerID: facts.containerId,
        ready,
        started: facts.started,
        restartCount: facts.restarts,
        state,
        lastState: last === undefined ? {} : { terminated: last },
      },
    ],
  };
}
