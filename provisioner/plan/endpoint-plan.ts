import type { Hold } from './hold.ts';
import type { Progress } from './progress.ts';
import type { Step } from './step.ts';

/** What to do next about one endpoint, and where it stands. `progress` is null when there is nothing to report. */
export interface Plan {
  steps: readonly Step[];
  progress: Progress | null;
  /** Why nothing is changed although something should be. */
  hold?: Hold;
  /** Some replicas run on a pod template that this build would write differently, or are being moved to the newest. */
  templates?: 'newest' | 'kept' | 'moving';
  /** When the endpoint is to be proven again, milliseconds from now; undefined = not foreseen. */
  proveInMs?: number | undefined;
}
