import { changeSteps, likenesses, type ChangeGroup, type PastChange } from '#shared/contract/status.ts';
import { changesMax, likenessKey } from '#shared/contract/time-to-ready.ts';

/**
 * How long changes of the region's endpoints took, as their statuses tell: read anew with each round of resync, so that it
 * is as true as they are. Of each kind, told apart by the step that it began in, the newest are kept.
 */
export class PastChanges {
  #kinds = new Map<string, PastChange[]>();

  /** What all statuses tell takes the place of what was known. */
  replace(all: readonly PastChange[]): void {
    const newest = all.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at));
    const kinds = likenesses.flatMap((likeness) => [
      ...Map.groupBy(newest, ({ groups, stepMs }) => {
        const began = changeSteps.find((step) => stepMs[step] !== undefined);
        return kindOf(began, likenessKey(likeness, groups), likeness);
      }),
    ]);
    this.#kinds = new Map(kinds.map(([kind, changes]) => [kind, changes.slice(0, changesMax)]));
  }

  /** Changes that say something about one of these groups, each once. */
  near(groups: readonly ChangeGroup[]): readonly PastChange[] {
    const kinds = likenesses.flatMap((likeness) => {
      const key = likenessKey(likeness, groups);
      return changeSteps.map((step) => kindOf(step, key, likeness));
    });
    return [...new Set(kinds.flatMap((kind) => this.#kinds.get(kind) ?? []))];
  }
}

function kindOf(began: string | undefined, key: string, likeness: string): string {
  return [likeness, began, key].join('\n');
}
