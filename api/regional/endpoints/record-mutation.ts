import type { AuditDocument } from '#shared/contract/audit.ts';
import type { RevisedSpec } from '#shared/contract/desired.ts';
import type { Call, RegionContext } from './region-context.ts';
import type { IntentMark } from './intents.ts';

/** An accepted mutation as it is told. */
export interface Mutation {
  action: AuditDocument['action'];
  revised: RevisedSpec;
  mark: Pick<IntentMark, 'intentId' | 'at' | 'actor'>;
  summary: string;
}

const eventTypes = { create: 'Created', scale: 'Scaled', delete: 'DeletionRequested', release: 'Deleted' } as const;

/** Hands the mutation's audit line and event to the recorder. */
export function recordMutation(
  context: Pick<RegionContext, 'recorder'>,
  call: Pick<Call, 'requestId'>,
  { action, revised: { spec, revision }, mark, summary }: Mutation,
): void {
  const common = {
    v: 1,
    endpointId: spec.endpointId,
    team: spec.team,
    at: new Date(mark.at).toISOString(),
    actor: mark.actor,
    revision,
  } as const;
  context.recorder.record({
    audit: { ...common, action, intentId: mark.intentId, requestId: call.requestId, summary },
    event: { ...common, type: eventTypes[action], phase: 'desired', reason: 'Accepted', message: summary, hint: '' },
  });
}
