import type { DryRun } from '#shared/contract/dry-run.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { specChanges, type SpecContent } from '#shared/contract/spec-changes.ts';
import type { Likeness, PastChange } from '#shared/contract/status.ts';
import { groupsOf, ofAnotherTeam, timeToReady } from '#shared/contract/time-to-ready.ts';
import type { ViewedEndpoint } from '../view/endpoint-view.ts';

/**
 * What is known of the time where a region has no history: DigitalOcean's guides speak of a few minutes, a live test suite of
 * its service allows 30, its Terraform provider waits for 60.
 */
const publishedMinutes = 30;

/** So many earlier changes of a region are looked at. */
const pastMax = 1000;

const inCommon: Readonly<Record<Likeness, string>> = {
  model: 'with the same models on the same accelerators',
  accelerator: 'on the same accelerators',
  any: 'of any kind',
};

/** How long it takes until a spec answers, from earlier changes of the region: as the endpoint itself will say. Pure. */
export function readyEstimate(
  next: SpecDocument,
  before: SpecContent | null,
  deployed: Iterable<ViewedEndpoint>,
): DryRun['ready'] {
  if (before !== null && !startsSomething(before, next))
    return { minutes: 0, basis: 'nothing_to_start', explanation: 'Nothing has to be started for it.' };
  const past = pastChanges(next.team, deployed);
  const time = timeToReady(past, { groups: groupsOf(next.deployments), step: 'capacity', inStepMs: 0 });
  if (time === null)
    return {
      minutes: publishedMinutes,
      basis: 'published',
      explanation:
        'No change has been carried out in this region yet. DigitalOcean’s guides say a few minutes, live tests of its service allow 30, its Terraform provider waits for 60.',
    };
  const [minutes, most] = [minutesOf(time.medianMs), minutesOf(time.p90Ms)];
  return {
    minutes,
    minutes_nine_of_ten: most,
    basis: 'history',
    explanation: `Of ${time.changes} earlier changes ${inCommon[time.likeness]} in this region half took ${minutes} min at most, nine of ten ${most}.`,
  };
}

/** Which models another team deploys is not told: its changes count for their accelerators alone. */
function pastChanges(team: string, deployed: Iterable<ViewedEndpoint>): PastChange[] {
  const past: PastChange[] = [];
  for (const { desired, status } of deployed) {
    if (past.length >= pastMax) break;
    const own = desired.spec.team === team;
    for (const change of status?.pastChanges ?? []) past.push(own ? change : ofAnotherTeam(change));
  }
  return past;
}

/** Replicas that are not there before have to start, and all of a model whose engine changes. */
function startsSomething(before: SpecContent, next: SpecContent): boolean {
  if (specChanges(before, next).some(({ kind }) => kind === 'engine')) return true;
  const groups = before.deployments.flatMap(({ accelerators }) => accelerators);
  return next.deployments
    .flatMap(({ accelerators }) => accelerators)
    .some(
      ({ acceleratorId, scale }) => scale > (groups.find((one) => one.acceleratorId === acceleratorId)?.scale ?? 0),
    );
}

function minutesOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 60_000));
}
