import type { DrainReport } from '#shared/contract/replica.ts';

/** May `replicaId`, marked as draining by sequence `edgeRevision` of bucket `edge`, go? */
export interface DrainQuestion {
  replicaId: string;
  edgeRevision: number;
  /** ISO instant after which it goes whatever is reported. */
  deadline: string;
}

/** The answer with its reason, as it stands in the status. */
export interface DrainVerdict {
  go: boolean;
  reason: string;
}

/** A router with the time of its last report (monotonic milliseconds). */
export interface HeardRouter {
  report: DrainReport;
  heardAt: number;
}

/** What is known about the routers. */
export interface DrainState {
  routers: readonly HeardRouter[];
  /** How long this process has listened: a router reports at least every 2 s, so less than `forgetMs` proves nothing. */
  listeningForMs: number;
  forgetMs: number;
  /** Wall clock, milliseconds. */
  now: number;
}

/**
 * The gate of design §6: every registered router has seen the mark and reports 0 in flight, or the deadline is over.
 * Before the process has listened for `forgetMs` a silent router may still exist, so nothing goes.
 */
export function decideDrain(question: DrainQuestion, state: DrainState): DrainVerdict {
  if (state.now >= Date.parse(question.deadline)) return { go: true, reason: 'the drain deadline is over' };
  for (const { report } of state.routers) {
    if (report.edgeRevision < question.edgeRevision)
      return { go: false, reason: `router ${report.routerId} has not seen the drain yet` };
    const inFlight = report.inFlight[question.replicaId] ?? 0;
    if (inFlight > 0) return { go: false, reason: `${inFlight} requests in flight at router ${report.routerId}` };
  }
  if (state.listeningForMs < state.forgetMs)
    return {
      go: false,
      reason: `listening for routers for ${Math.ceil((state.forgetMs - state.listeningForMs) / 1000)} s more`,
    };
  return { go: true, reason: 'every router reports 0 in flight' };
}
