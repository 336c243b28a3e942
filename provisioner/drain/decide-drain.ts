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
  /** What routers have in flight there; absent = unknown. */
  inFlight?: InFlight;
}

/** Requests on a replica; `oldestAt` is when the oldest of them began, milliseconds since the epoch, where it is known. */
export interface InFlight {
  count: number;
  oldestAt?: number;
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
  const inFlight = inFlightOf(question, state);
  if (typeof inFlight === 'object' && inFlight.count === 0) {
    const reason = state.routers.length === 0 ? 'no router is registered' : 'every router reports 0 in flight';
    return { go: true, reason, inFlight };
  }
  const waiting =
    typeof inFlight === 'object' ? { reason: `${inFlight.count} requests in flight`, inFlight } : { reason: inFlight };
  if (state.now < Date.parse(question.deadline)) return { go: false, ...waiting };
  return { go: true, ...waiting, reason: `the drain deadline is over: ${waiting.reason}`, overdue: true };
}

/** What all routers together have there, or why that is unknown. */
function inFlightOf(question: DrainQuestion, { routers, listeningForMs, silentMs }: DrainState): InFlight | string {
  if (listeningForMs < silentMs) return 'routers are listened for since a moment only';
  if (routers.length > routersMax) return `more than ${routersMax} routers are registered: forget those that are gone`;
  let count = 0;
  let oldestAt = Number.POSITIVE_INFINITY;
  for (const router of routers) {
    const report = currentReport(question, router, silentMs);
    if (typeof report === 'string') return report;
    const here = report.inFlight[question.replicaId] ?? 0;
    count += here;
    // One router that does not say it makes it unknown.
    if (here > 0) oldestAt = Math.min(oldestAt, report.oldestAt?.[question.replicaId] ?? Number.NaN);
  }
  return Number.isFinite(oldestAt) ? { count, oldestAt } : { count };
}

/** The report of a router that is heard and has seen the drain, or why there is none. */
function currentReport(
  { edgeRevision }: DrainQuestion,
  { routerId, epoch, heard }: KnownRouter,
  silentMs: number,
): DrainReport | string {
  if (heard === undefined || heard.report.epoch < epoch || heard.agoMs > silentMs)
    return `router ${routerId} is silent`;
  if (heard.report.edgeRevision < edgeRevision) return `router ${routerId} has not seen the drain yet`;
  return heard.report;
}
