import { startKeyedQueue } from '#shared/runtime/keyed-queue.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { Auditor } from '../commit/auditor.ts';
import type { ViewedEndpoint } from '../view/endpoint-view.ts';
import { planRelease } from './intents.ts';
import { readAccessOf, readDesired, readName } from './read-desired.ts';
import type { RegionContext } from './region-context.ts';

/** What finishing deletes runs on. */
export interface FinishDeletesOptions {
  context: RegionContext;
  auditor: Pick<Auditor, 'settle' | 'tell'>;
  log: Logger;
  newBatchId: () => string;
  /** Called for each endpoint for which the queue has no room; the sweep comes back to it. */
  onRefused: () => void;
}

/** Releases what a deleted endpoint leaves in the log. */
export interface FinishDeletes extends AsyncDisposable {
  /** Looks at one endpoint; called whenever its spec or status changes. */
  look(endpointId: string): void;
}

/** Besides every change, all endpoints are looked at this often: a process may have died in between. */
const everyMs = 30_000;

/** A provisioner that lives has said something about a deletion by then. */
const silentAfterMs = 60_000;

/**
 * Once the provisioner has said that nothing of an endpoint is left, its spec becomes a tombstone, its tokens are revoked
 * and its name is released, in one batch. Any process may do it: the expected sequences let one of them win. Where nobody
 * will ever say so, since the region has no such VPC, it is done without: the tombstone itself has whatever is left swept.
 */
export function startFinishDeletes(options: FinishDeletesOptions): FinishDeletes {
  const { context, log, onRefused } = options;
  const { view, clock } = context;
  const backoff = { baseMs: 250, maxMs: 10_000 };
  const queue = startKeyedQueue(
    { name: 'finish-deletes', clock, log, concurrency: 4, backoff, keysMax: 10_000, onRefused },
    async (endpointId) => release(endpointId, options),
  );
  const look = (endpointId: string): void => {
    const found = view.find(endpointId);
    if (found !== undefined && isOver(found, context)) queue.add(endpointId);
  };
  const sweep = startLoop({ name: 'finish-deletes', everyMs, clock, log, jitter: 0.2 }, async (signal) => {
    await view.whenSynced(signal);
    for (const { desired } of view.all()) look(desired.spec.endpointId);
  });
  return {
    look,
    async [Symbol.asyncDispose]() {
      await sweep[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
    },
  };
}

function isOver({ desired: { spec }, status }: ViewedEndpoint, { vpcs, clock }: RegionContext): boolean {
  if (spec.deletion === undefined) return false;
  if (status?.state === 'gone') return true;
  const lastHeard = Math.max(Date.parse(spec.deletion.requestedAt), Date.parse(status?.updatedAt ?? '') || 0);
  return clock.now() - lastHeard >= silentAfterMs && !vpcs.mayExist(spec.vpcId);
}

async function release(endpointId: string, { context, auditor, log, newBatchId }: FinishDeletesOptions): Promise<void> {
  const { desired, clock } = context;
  const { document: spec, revision } = await readDesired(desired, endpointId);
  if (spec?.kind !== 'spec' || spec.deletion === undefined) return;
  const access = await readAccessOf(desired, spec);
  await auditor.settle({ document: spec, revision });
  if (access.document !== null) await auditor.settle({ ...access, document: access.document });
  await context.lastUse.forget(endpointId);
  const claim = await readName(desired, spec.team, spec.name);
  const own = claim.document?.kind === 'name' && claim.document.endpointId === endpointId;
  const writes = planRelease(
    { spec, revision },
    { accessSeq: access.revision === 0 ? null : access.revision, name: own ? claim : null },
    {
      intentId: context.newId(),
      bodyHash: '',
      at: clock.now(),
      verb: 'release',
      actor: 'fairway',
      requestId: '',
      summary: 'nothing of the endpoint is left',
    },
  );
  const outcome = await desired.write(writes, newBatchId());
  if (outcome.kind !== 'stored') throw new Error(`the release of ${endpointId} was not stored: ${outcome.reason}`);
  const released = outcome.seqs[0] ?? 0;
  log.info({ endpointId, revision: released }, 'endpoint.released');
  auditor.tell({ document: writes[0].body, revision: released });
}
