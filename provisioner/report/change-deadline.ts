import type { StatusDocument } from '#shared/contract/status.ts';
import { loadingMs } from '../desired/past-changes.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Progress } from '../plan/progress.ts';
import type { PlanSettings } from '../plan/settings.ts';

/** A replica may take so many times as long as nine of ten earlier ones took to load. */
const loadingFactor = 3;

/**
 * Time from a change's beginning until it is given up, milliseconds: as long as settings say, or as loading has taken where
 * that is more, after its last advance; and while others have to go first, as long as their drains may take. Pure.
 */
export function changeDeadline(
  { status: { document }, desired, pastChanges }: ObservedState,
  { short }: Pick<Progress, 'short'>,
  { changeDeadlineMs, drainTimeoutMs }: Pick<PlanSettings, 'changeDeadlineMs' | 'drainTimeoutMs'>,
): number {
  const measured = desired.kind === 'spec' ? loadingMs(pastChanges, desired.spec.deployments) : null;
  const advancedMs =
    document?.advance === undefined ? 0 : Date.parse(document.advance.at) - Date.parse(document.changeSince);
  return advancedMs + Math.max(changeDeadlineMs, loadingFactor * (measured ?? 0)) + (short ? drainTimeoutMs : 0);
}

/** The farthest that the present change has come, and since when; nothing while none is under way. Pure. */
export function advanceOf(
  next: Pick<StatusDocument, 'state' | 'changeSince' | 'updatedAt'>,
  before: StatusDocument | null,
  { advance: count }: Pick<Progress, 'advance'>,
): StatusDocument['advance'] {
  if (next.state !== 'updating' && next.state !== 'provisioning') return undefined;
  const known = before?.changeSince === next.changeSince ? before.advance : undefined;
  if (known !== undefined && count <= known.count) return known;
  return { count, at: known === undefined ? next.changeSince : next.updatedAt };
}
