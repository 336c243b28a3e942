import type { RevisedSpec, SpecDocument } from '#shared/contract/desired.ts';
import { AppError, type InputProblem } from '#shared/contract/errors.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import type { Call, RegionContext } from './region-context.ts';
import { isPending } from './project.ts';
import { readSpec } from './read-desired.ts';

/** The spec and the status that a change starts from. */
export interface Present extends RevisedSpec {
  status: StatusDocument | null;
}

/** Reads both from their leaders. @throws AppError `not_found`, also for another team's; `unavailable`. */
export async function readPresent(context: RegionContext, call: Call, endpointId: string): Promise<Present> {
  const status = await context.view.readStatus(endpointId);
  return { ...(await readSpec(context, call, endpointId)), status };
}

/** The revision was given up. */
export function isRejected(revision: number, status: StatusDocument | null): boolean {
  return status?.rejection?.revision === revision;
}

/** What the client sees: after a rejection the spec that is live, but for the name, which is the region's own matter. */
export function shownSpec({ spec, revision, status }: Present): SpecDocument {
  const live = status?.live ?? null;
  if (live === null || !isRejected(revision, status)) return spec;
  return { ...spec, enablePublicEndpoint: live.enablePublicEndpoint, deployments: live.deployments };
}

/** @throws AppError `forbidden` while another change is pending and no If-Match says that it may be superseded. */
export function requireNonePending({ spec, revision, status }: Present, ifMatch: string | undefined): void {
  if (!isPending(spec, revision, status) || isRejected(revision, status) || ifMatch !== undefined) return;
  throw new AppError('forbidden', {
    message: `Revision ${revision} is not carried out yet. Wait until no change is pending, or supersede it with If-Match: "${revision}".`,
    details: { revision },
  });
}

/** The error for a change that cannot be accepted; its message is the first problem, which is all that some clients show. */
export function unprocessable(problems: InputProblem[]): AppError {
  const [first] = problems;
  return new AppError('unprocessable', { ...(first && { message: `${first.path} ${first.message}.` }), problems });
}
