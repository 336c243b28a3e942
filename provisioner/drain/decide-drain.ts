import type { DrainReport } from '#shared/contract/replica.ts';

/** May `replicaId`, marked as draining by sequence `edgeRevision` of bucket `edge`, go? */
export interface DrainQuestion {
  replicaId: string;
  edgeRevision: number;
  /** ISO instant after which it goes whatever is reported. */
  deadline: string;
}

/** The answer with its reason. */
export interface DrainVerdict {
  go: boolean;
  reason: string;
  /** It goes because its deadline is over, although something may still run on it. */
  overdue?: boolean;
}

/** A router that is registered or heard. */
export interface KnownRouter {
  routerId: string;
  /** Start of its newest process that is known. */
  epoch: number;
  /** Its last report, and the time since, milliseconds; undefined = not heard by this process. */
  heard: { report: DrainReport; agoMs: number } | undefined;
}

/** What is known about the routers of a VPC. */
export interface DrainState {
  routers: readonly KnownRouter[];
  /** How long this process has known the registrations and listened without a break: less than `silentMs` proves nothing. */
  listeningForMs: number;
  /** A report that is older than this says nothing any more: silence is unknown, and unknown is not 0. */
  silentMs: number;
  /** Wall clock, milliseconds. */
  now: number;
}

/** Routers of one VPC that are kept apart; beyond it nothing goes before its deadline. */
export const routersMax = 512;

/** The gate of a drain: every known router has seen the mark and reports 0 in flight, or the deadline is over. Pure. */
export function decideDrain(question: DrainQuestion, state: DrainState): DrainVerdict {
  const reason = whyWait(question, state);
  if (reason === undefined)
    return {
      go: true,
      reason: state.routers.length === 0 ? 'no router is registered' : 'every router reports 0 in flight',
    };
  const overdue = state.now >= Date.parse(question.deadline);
  return overdue ? { go: true, reason: `the drain deadline is over: ${reason}`, overdue } : { go: false, reason };
}

function whyWait(question: DrainQuestion, { routers, listeningForMs, silentMs }: DrainState): string | undefined {
  if (listeningForMs < silentMs) return 'routers are listened for since a moment only';
  if (routers.length > routersMax) return `more than ${routersMax} routers are registered: forget those that are gone`;
  for (const router of routers) {
    const reason = whyNot(question, router, silentMs);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function whyNot(
  { replicaId, edgeRevision }: DrainQuestion,
  { routerId, epoch, heard }: KnownRouter,
  silentMs: number,
): string | undefined {
  if (heard === undefined || heard.report.epoch < epoch || heard.agoMs > silentMs)
    return `router ${routerId} is silent`;
  if (heard.report.edgeRevision < edgeRevision) return `router ${routerId} has not seen the drain yet`;
  const inFlight = heard.report.inFlight[replicaId] ?? 0;
  return inFlight > 0 ? `${inFlight} requests in flight at router ${routerId}` : undefined;
}
