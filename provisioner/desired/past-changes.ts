import {
  changeSteps,
  likenesses,
  type ChangeGroup,
  type ChangeStep,
  type Likeness,
  type PastChange,
} from '#shared/contract/status.ts';
import type { ModelDeployment } from '#shared/contract/desired.ts';
import { changesMax, groupsOf, likenessKey, ofAnotherTeam, timeToReady } from '#shared/contract/time-to-ready.ts';

/** A change that came about, and whose it was: null where no spec says so any more. */
export interface TeamChange {
  team: string | null;
  change: PastChange;
}

/**
 * How long changes of the region's endpoints took, as their statuses tell: read anew with each round of resync, so that it
 * is as true as they are. Of each kind, told apart by the step that it began in, the newest are kept. Which models another
 * team deploys is not told: its changes count for their GPUs alone.
 */
export class PastChanges {
  #kinds = new Map<string, TeamChange[]>();

  /** What all statuses tell takes the place of what was known. */
  replace(all: readonly TeamChange[]): void {
    const newest = all.toSorted((a, b) => Date.parse(b.change.at) - Date.parse(a.change.at));
    const kinds = likenesses.flatMap((likeness) => [
      ...Map.groupBy(newest, ({ team, change: { groups, stepMs } }) => {
        const began = changeSteps.find((step) => stepMs[step] !== undefined);
        return kindOf(began, { team, likeness, key: likenessKey(likeness, groups) });
      }),
    ]);
    this.#kinds = new Map(kinds.map(([kind, changes]) => [kind, changes.slice(0, changesMax)]));
  }

  /** Changes that say something about one of a team's with these groups, each once. */
  near(team: string, groups: readonly ChangeGroup[]): readonly PastChange[] {
    const found = likenesses.flatMap((likeness) => {
      const key = likenessKey(likeness, groups);
      return changeSteps.flatMap((step) => this.#kinds.get(kindOf(step, { team, likeness, key })) ?? []);
    });
    return [...new Set(found)].map((one) => (one.team === team ? one.change : ofAnotherTeam(one.change)));
  }
}

function kindOf(
  began: ChangeStep | undefined,
  { team, likeness, key }: { team: string | null; likeness: Likeness; key: string },
): string {
  return [began, likeness, likeness === 'model' ? team : '', key].join('\n');
}

/** Time from a node to a proven replica that nine of ten earlier changes did not exceed, milliseconds; null = unknown. */
export function loadingMs(past: readonly PastChange[], deployments: readonly ModelDeployment[]): number | null {
  return timeToReady(past, { groups: groupsOf(deployments), step: 'image', inStepMs: 0 })?.p90Ms ?? null;
}
