import type { WireStatus } from '#shared/contract/lifecycle.ts';
import type { DedicatedInference } from '#shared/contract/resource.ts';
import { project } from '../endpoints/project.ts';
import type { Answer, RegionContext } from '../endpoints/region-context.ts';

/** Longest time that an answer is held, seconds: less than a front door waits for one. */
const waitMaxSeconds = 25;

/** Seconds that `Prefer: wait=N` (RFC 7240, §4.3) asks for, as far as they are granted; undefined when it does not ask. */
export function waitOf(prefer: string | undefined): number | undefined {
  const asked = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?:$|[,;\s])/i.exec(prefer ?? '')?.[1];
  return asked === undefined ? undefined : Math.min(Number(asked), waitMaxSeconds);
}

/** States in which nothing more comes of a change by itself. */
const settledStatuses: readonly string[] = ['active', 'error', 'deleting'] satisfies WireStatus[];

/**
 * Holds the answer to a change until it has been carried out or given up, for at most `seconds`, and shows what the
 * endpoint has become meanwhile; a delete's until the endpoint is gone. The change is stored already: whatever happens
 * here, its answer is a success. `endpointId` is that of the path; a create's stands in its answer.
 */
export async function heldAnswer(
  { view, address }: RegionContext,
  answer: Answer<unknown>,
  wait: { endpointId: string; seconds: number; signal: AbortSignal },
): Promise<Answer<unknown>> {
  const { body, revision } = answer;
  const changed = isResource(body) ? body.dedicated_inference : undefined;
  const shown = (): DedicatedInference | undefined => {
    const found = view.find(changed?.id ?? wait.endpointId);
    return found && project(found.desired, found.status, address);
  };
  const settled = (): boolean => {
    const now = shown();
    if (changed === undefined || now === undefined) return changed === undefined && now === undefined;
    return now.observed_revision >= (revision ?? 0) && settledStatuses.includes(now.status);
  };
  // When client or process go, nobody waits any more.
  await view.until(settled, { timeoutMs: wait.seconds * 1000, signal: wait.signal }).catch(() => {});
  const now = shown();
  if (!isResource(body) || now === undefined || now.revision < (revision ?? 0)) return answer;
  return { ...answer, revision: now.revision, body: { ...body, dedicated_inference: now } };
}

function isResource(body: unknown): body is { dedicated_inference: DedicatedInference } {
  return typeof body === 'object' && body !== null && 'dedicated_inference' in body;
}
