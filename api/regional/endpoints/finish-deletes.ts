import type { RevisedSpec } from '#shared/contract/desired.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { startKeyedQueue } from '#shared/runtime/keyed-queue.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import { planRelease } from './intents.ts';
import { readDesired, readLeader, readName } from './read-desired.ts';
import { recordMutation } from './record-mutation.ts';
import type { RegionContext } from './region-context.ts';

/** What finishing deletes runs on. */
export interface FinishDeletesOptions {
  context: RegionContext;
  log: Logger;
  newBatchId: () => string;
}

/** Releases what a deleted endpoint leaves in the log. */
export interface FinishDeletes extends AsyncDisposable {
  /** Looks at one endpoint; called whenever its spec or status changes. */
  look(endpointId: string): void;
}

/** Besides every change, all endpoints are looked at this often: a process may have died in between. */
const everyMs = 30_000;

/**
 * Once the provisioner has said that nothing of an endpoint is left, its spec becomes a tombstone, its tokens are revoked
 * and its name is released, in one batch. Any process may do it: the expected sequences let one of them win.
 */
export function startFinishDeletes(options: FinishDeletesOptions): FinishDeletes {
  const { context, log } = options;
  const { view, clock } = context;
  const queue = startKeyedQueue(
    { name: 'finish-deletes', clock, log, concurrency: 4, backoff: { baseMs: 250, maxMs: 10_000 }, keysMax: 10_000 },
    async (endpointId) => release(endpointId, options),
  );
  const look = (endpointId: string): void => {
    const found = view.find(endpointId);
    if (found?.desired.spec.deletion !== undefined && found.status?.state === 'gone') queue.add(endpointId);
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

async function release(endpointId: string, { context, log, newBatchId }: FinishDeletesOptions): Promise<void> {
  const { desired, clock } = context;
  const found = await readDesired(desired, endpointId);
  if (found?.document.kind !== 'spec' || found.document.deletion === undefined) return;
  const revised: RevisedSpec = { spec: found.document, revision: found.revision };
  const { team, vpcId, name } = found.document;
  const access = await readLeader(desired, subjects.access(vpcId, endpointId));
  const claim = await readName(desired, team, name);
  const own = claim.document?.kind === 'name' && claim.document.endpointId === endpointId;
  const writes = planRelease(
    revised,
    { accessSeq: access?.deleted === false ? access.seq : null, name: own ? claim : null },
    clock.now(),
  );
  const outcome = await desired.write(writes, newBatchId());
  if (outcome.kind !== 'stored') throw new Error(`the release of ${endpointId} was not stored: ${outcome.reason}`);
  log.info({ endpointId, revision: outcome.seqs[0] }, 'endpoint.released');
  recordMutation(
    context,
    { requestId: '' },
    {
      action: 'release',
      revised: { spec: found.document, revision: outcome.seqs[0] ?? 0 },
      mark: { intentId: `release-${endpointId}`, at: clock.now(), actor: 'fairway' },
      summary: `${name} is gone`,
    },
  );
}
