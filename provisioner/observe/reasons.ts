import type { Phase } from '#shared/contract/status.ts';

const readLog = 'Read the engine’s log (kubectl logs --previous); a gated model needs a Hugging Face token, too.';
const freeGpus = 'Ask for fewer replicas or for another accelerator, or add nodes with free GPUs to the cluster.';
const pullable = 'Check that the image is in its registry, and that the nodes reach it and may pull from it.';
const startable = 'See the message and the node: its container runtime or GPU driver cannot start the container.';

/**
 * What to do next, by reason; null where waiting is all there is to do. Reasons of our own that are missing here do not
 * compile; of Kubernetes' own these are the ones that engines meet.
 */
const hints = {
  Creating: null,
  Exchanging: null,
  FailedCreate: 'The cluster refuses the pods: mend what the message names, a quota or an admission rule.',
  ClusterFailing: 'See whether the cluster’s API server is well and lets the provisioner write; it is tried again.',
  Scheduling: null,
  Unschedulable: freeGpus,
  ContainerCreating: null,
  PodInitializing: null,
  ErrImagePull: pullable,
  ImagePullBackOff: pullable,
  ErrImageNeverPull: 'Put the image on the nodes, or let them pull it.',
  InvalidImageName: 'Correct the image’s name in the engine’s profile.',
  CreateContainerConfigError: 'See in the message what the pod lacks; a Secret of the endpoint is made anew by itself.',
  CreateContainerError: startable,
  RunContainerError: startable,
  ContainerCannotRun: startable,
  StartError: startable,
  CrashLoopBackOff: readLog,
  Error: readLog,
  Completed: readLog,
  EngineEnded: readLog,
  OOMKilled: 'The engine needs more memory than its node gives: take a larger accelerator or a smaller model.',
  FetchingWeights: null,
  FetchFailed:
    'Read what the fetching says (kubectl logs -c weights): see whether the path is right, the keys may read it, and the network is the one in FAIRWAY_S3_NETWORK.',
  Loading: null,
  NotReady: null,
  ReadinessFails: 'See why the readiness probe fails (kubectl describe pod), or whether the node is overloaded.',
  KubeletNotHeard: 'See whether the nodes are up and reach the API server (kubectl get nodes).',
  Proving: null,
  NoRouter: 'See whether routers of the VPC run and reach NATS.',
  ProofFailed: 'See the log of the engine, and of the router whose answer stands in the message.',
  Ready: null,
  Active: null,
  Degraded: null,
  Deleting: null,
  TornDown: null,
  Accepted: null,
  NoReplicas: null,
  Scheduled: null,
  AllReady: null,
  Answered: null,
  Progressing: null,
} as const satisfies Record<string, string | null>;

declare const ofKubernetes: unique symbol;

/** One word for programs: of the table, or what a Kubernetes says that may be newer than it. */
export type Reason = keyof typeof hints | (string & { readonly [ofKubernetes]: true });

/** A reason in Kubernetes' words, or ours where it gives none. */
export function kubeReason(said: string | undefined, otherwise: keyof typeof hints): Reason {
  return said === undefined || said === '' ? otherwise : (said as Reason);
}

/** What a reason does not tell and the words beside it do. */
const causes: readonly { phases: readonly Phase[]; says: RegExp; hint: string }[] = [
  {
    phases: ['capacity'],
    says: /exceeded quota/i,
    hint: 'Ask for fewer replicas, or have the quota raised that the message names.',
  },
  {
    phases: ['image'],
    says: /unauthorized|forbidden|denied|\b40[13]\b/i,
    hint: 'Let the nodes pull the image: its registry does not take them for somebody who may.',
  },
  {
    phases: ['weights', 'load'],
    says: /unauthorized|forbidden|gated|\b40[13]\b/i,
    hint: 'Accept the model’s licence at Hugging Face, and give the endpoint that account’s token (hugging_face_token).',
  },
  {
    phases: ['load', 'warm'],
    says: /out of memory/i,
    hint: 'The model does not fit the accelerator’s memory: take a larger accelerator or a smaller model.',
  },
];

/** For reasons that are not in the table, and for what has taken too long without any. */
const byPhase: Record<Phase, string> = {
  capacity: 'See whether the cluster’s controllers run and let the pods be created.',
  node: freeGpus,
  image: pullable,
  weights: 'Check the model’s name and, for a gated one, the Hugging Face token.',
  load: 'Read the engine’s log (kubectl logs): it may need more time than changes get (FAIRWAY_CHANGE_DEADLINE_MS).',
  warm: 'Read the engine’s log (kubectl logs): it runs and does not say that it is ready.',
  proof: 'See whether routers of the VPC run, and what the engine’s log says.',
  done: 'See the events of the endpoint.',
  teardown: 'See in the cluster what keeps the namespace from going (kubectl get namespace -o yaml).',
};

/** Where something stands, and why. */
interface Explained {
  phase: Phase;
  reason: string;
  message: string;
}

/** What a person should do next, in one line; empty while there is nothing to do but wait, `late`: no longer. Pure. */
export function hintFor({ phase, reason, message }: Explained, late = false): string {
  const known = Object.hasOwn(hints, reason) ? hints[reason as keyof typeof hints] : byPhase[phase];
  if (known === null) return late ? byPhase[phase] : '';
  return causes.find(({ phases, says }) => phases.includes(phase) && says.test(message))?.hint ?? known;
}
