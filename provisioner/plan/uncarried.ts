import type { RevisedSpec } from '#shared/contract/desired.ts';
import { notCarriedOut, specChanges } from '#shared/contract/spec-changes.ts';
import type { StatusDocument } from '#shared/contract/status.ts';

/**
 * Why a spec cannot be made of the one that is live, or null when it can. The API refuses such changes by the same table;
 * one that comes all the same, from a process of another version, is rejected instead of half made. Pure.
 */
export function uncarried(
  { spec, revision }: RevisedSpec,
  live: StatusDocument['live'],
): { reason: string; message: string; hint: string } | null {
  if (live === null || live.revision >= revision) return null;
  for (const { kind, path } of specChanges(live, spec)) {
    const why = notCarriedOut[kind];
    if (why !== null)
      return {
        reason: 'NotCarriedOut',
        message: `${path}: ${why}.`,
        hint: 'Change the endpoint back to what is live.',
      };
  }
  return null;
}
