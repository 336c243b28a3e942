import type { Fault } from '#loadtest/virtual/scenario.ts';
import type { Strain } from '#loadtest/workload/generator/strain.ts';

/** What can go wrong with processes; replicas that come and go by plan are simulated in virtual time alone. */
export type SocketFault = Extract<Fault, { kind: 'slow' | 'kill-replica' | 'kill-router' | 'pause-router' | 'redis' }>;

/** What those who ask need of real routers and replicas. */
export interface Fleet extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly model: string;
  /** What was before does not count. */
  begin(): Promise<void>;
  /** Of those that are there. */
  strain(): Promise<{ readonly routers: readonly Strain[]; readonly replicas: readonly Strain[] }>;
  /** Requests that each replica has, its queue included, as its metrics say; 0 of one that does not answer. */
  inFlight(): Promise<number[]>;
  /** Something goes wrong, and is over when this resolves. `wait` lasts seconds of the scenario. */
  suffer(fault: SocketFault, wait: (seconds: number) => Promise<void>): Promise<void>;
}
