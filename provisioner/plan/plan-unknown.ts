import { isDeepStrictEqual } from 'node:util';
import type { QuarantineDocument } from '#shared/contract/infra.ts';
import { transition } from '#shared/contract/lifecycle.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Hold } from './hold.ts';
import type { Plan } from './endpoint-plan.ts';
import { planTeardown } from './plan-teardown.ts';
import type { PlanSettings } from './settings.ts';
import type { Step } from './step.ts';

const quarantined: Hold = {
  reason: 'Quarantined',
  message: 'The desired state does not know this endpoint. It goes on serving, nothing of it is changed.',
  hint: 'Bring its spec back, or say that it may go: npm run admin -- sweep.',
};

/**
 * An endpoint of which there are objects or documents, but no spec and no tombstone: the stream was lost, restored or is
 * another one. It is kept as it is and told of, until its spec is back or an operator says that it may go; then it is
 * drained and taken down. Pure.
 */
export function planUnknown(observed: ObservedState, settings: PlanSettings): Plan {
  const { word, quarantine } = observed;
  const told = observed.status.document !== null && observed.status.document.state !== 'gone';
  if (!told && !isThere(observed)) return { steps: forget(observed), progress: null };
  if (word.document === null) {
    const document = quarantineOf(observed);
    const known = !isThere(observed) || isDeepStrictEqual(quarantine.document, document);
    const why = quarantined.message;
    const keep: Step = { kind: 'keep-quarantine', quarantine: document, expectedSeq: quarantine.seq, why };
    return { steps: known ? [] : [keep, ...tell(document)], progress: null, hold: quarantined };
  }
  const why = `${word.document.by} said so`;
  const { drainTimeoutMs } = settings;
  const { steps, gone, message } = planTeardown(observed, { drain: true, drainTimeoutMs, why });
  const hold = { reason: 'Sweeping', message, hint: '' };
  if (!gone) return { steps, progress: null, hold };
  return { steps: [{ kind: 'confirm-gone', why }, ...endOf(observed, why), ...forget(observed)], progress: null };
}

/** True when this VPC has anything of it. */
function isThere({ resource, namespace, children, pods, pools }: ObservedState): boolean {
  const objects = resource !== null || namespace !== null || children.length > 0 || pods.length > 0;
  return objects || [...pools.values()].some(({ document }) => document !== null);
}

function quarantineOf({ endpointId, vpcId, resource, newestSeq, quarantine, now }: ObservedState): QuarantineDocument {
  const spec = resource?.['spec'] as (QuarantineDocument['spec'] & object) | undefined;
  const since = quarantine.document?.since ?? new Date(now).toISOString();
  return { v: 1, endpointId, vpcId, spec: spec === undefined ? null : specOf(spec), intentSeq: newestSeq, since };
}

function specOf({ team, version, name, enablePublicEndpoint, deployments }: NonNullable<QuarantineDocument['spec']>) {
  return { team, version, name, enablePublicEndpoint, deployments };
}

function tell({ spec, intentSeq }: QuarantineDocument): Step[] {
  if (spec === null) return [];
  const { message, hint } = quarantined;
  const line = { key: `quarantined/${intentSeq}`, team: spec.team, revision: intentSeq, message, hint };
  return [{ kind: 'tell', type: 'endpoint.quarantined', ...line, why: 'its team should know' }];
}

/** The last status: readers see the end of an endpoint that was swept like any other's. */
function endOf({ status, now }: ObservedState, why: string): Step[] {
  const before = status.document;
  if (before === null || before.state === 'gone') return [];
  const lifecycle = { state: before.state, lifecycleSeq: before.lifecycleSeq, live: before.live !== null };
  const { state, lifecycleSeq } = transition(transition(lifecycle, 'deleteRequested'), 'tornDown');
  const at = new Date(now).toISOString();
  const shown = { phase: 'teardown' as const, phaseSince: at, reason: 'Swept', message: why };
  const empty = { replicas: { desired: 0, ready: 0 }, replicaList: [], hosts: null, live: null, conditions: [] };
  const { progress: _over, hint: _done, ...known } = before;
  const document: StatusDocument = { ...known, state, lifecycleSeq, ...shown, ...empty, updatedAt: at };
  return [{ kind: 'write-status', status: document, expectedSeq: status.seq, why }];
}

/** What is known of an endpoint in quarantine ends with it, the operator's word too. */
function forget({ endpointId, vpcId, quarantine, word }: ObservedState): Step[] {
  const why = 'nothing is left of the endpoint';
  const remove = (subject: string, { document, seq }: { document: unknown; seq: number }): Step[] =>
    document === null ? [] : [{ kind: 'remove-document', subject, expectedSeq: seq, why }];
  return [
    ...remove(subjects.quarantine(vpcId, endpointId), quarantine),
    ...remove(subjects.word(vpcId, endpointId), word),
  ];
}

/** The end of documents that a tombstone has outlived. */
export function planLastStatus(observed: ObservedState): Step[] {
  return endOf(observed, 'the endpoint was deleted');
}
