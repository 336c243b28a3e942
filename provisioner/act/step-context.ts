import type { Nats } from '#shared/runtime/nats/nats.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { EndpointDocuments } from '../desired/documents.ts';
import type { KubeWrites } from '../kube/kube-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ProofDesk } from '../proof/proof-desk.ts';

/** What steps act on. */
export interface StepContext {
  endpointId: string;
  kube: KubeWrites;
  nats: Nats;
  clock: Clock;
  documents: Pick<EndpointDocuments, 'desired'>;
  proofs: Pick<ProofDesk, 'ask'>;
  /** Remembers a write, so that the next look waits until the cache shows it; tells whether it changed the object. */
  wrote: (object: KubeObject) => StepEffect;
  signal: AbortSignal;
}

/** Whether a step changed anything. */
export type StepEffect = 'changed' | 'unchanged';
