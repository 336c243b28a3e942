import type { DryRunReply } from '#shared/contract/dry-run.ts';
import type { RevisedSpec, SpecDocument } from '#shared/contract/desired.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { readyEstimate } from '../estimate/ready-estimate.ts';
import { estimateOf } from '../estimate/spec-estimate.ts';
import { project } from './project.ts';
import type { Answer, RegionContext } from './region-context.ts';

/**
 * What a create or a change would be answered with, had it been stored. `before` is what it changes, null for a create; the
 * revision shown stays that of the stored spec, since nothing else has one.
 */
export function dryRunAnswer(
  { view, address }: { view: Pick<RegionContext['view'], 'all'>; address: RegionContext['address'] },
  next: SpecDocument,
  before: (RevisedSpec & { status: StatusDocument | null }) | null,
): Answer<DryRunReply> {
  const revision = before?.revision ?? 0;
  // A spec that is not the stored one is pending.
  const shownAt = next === before?.spec ? revision : revision + 1;
  const resource = project({ spec: next, revision: shownAt }, before?.status ?? null, address);
  const ready = readyEstimate(next, before?.spec ?? null, view.all());
  return {
    status: 200,
    revision: before === null ? null : revision,
    body: { dedicated_inference: { ...resource, revision }, dry_run: { ...estimateOf(next), ready } },
  };
}
