import type { DedicatedInference, SpecReply } from '#shared/contract/resource.ts';
import type { RevisedSpec, SpecDocument } from '#shared/contract/desired.ts';
import type { WireStatus } from '#shared/contract/lifecycle.ts';
import { changeSteps, type ChangeProgress, type StatusDocument } from '#shared/contract/status.ts';

/** How endpoints are reached: DigitalOcean shows https without a port. */
export interface EndpointAddress {
  scheme: 'http' | 'https';
  port?: number | undefined;
  /** Of private listeners, where they are others. */
  private?: { scheme: 'http' | 'https'; port?: number | undefined };
}

/**
 * The resource that clients see: a pure function of the newest spec and the newest status. A status that has not yet
 * observed the spec's revision describes the one before.
 */
export function project(
  { spec, revision }: RevisedSpec,
  status: StatusDocument | null,
  address: EndpointAddress,
): DedicatedInference {
  const observed = status !== null && status.observedRevision >= revision;
  const wireStatus = wireStatusOf(spec, status, observed);
  const live = status?.live ?? null;
  const pending = isPending(spec, revision, status);
  return {
    id: spec.endpointId,
    name: spec.name,
    region: spec.region,
    status: wireStatus,
    vpc_uuid: spec.vpcId,
    ...(live !== null && { spec: specReply(spec, live, { state: 'active', status: 'active' }) }),
    ...(pending && { pending_deployment_spec: specReply(spec, spec, pendingState(wireStatus, live !== null)) }),
    ...(live !== null && status?.hosts && { endpoints: endpointsOf(status.hosts, address) }),
    created_at: spec.createdAt,
    updated_at: later(spec.updatedAt, status?.updatedAt),
    revision,
    observed_revision: status?.observedRevision ?? 0,
    lifecycle_seq: status?.lifecycleSeq ?? 0,
    ...progressOf(spec, status, observed),
    conditions: (status?.conditions ?? []).map(
      ({ type, status: value, reason, message, hint, lastTransitionTime }) => ({
        type,
        status: value,
        reason,
        message,
        ...(hint !== undefined && { hint }),
        last_transition_time: lastTransitionTime,
      }),
    ),
    replicas: { desired: replicasOf(spec), ready: status?.replicas.ready ?? 0 },
    ...(status?.draining && { draining: status.draining }),
    ...(status?.rejection && { last_rejection: status.rejection }),
  };
}

/** Replicas that a spec asks for, over all its models; none once deletion is asked for. */
function replicasOf(spec: SpecDocument): number {
  if (spec.deletion !== undefined) return 0;
  return spec.deployments.flatMap((model) => model.accelerators).reduce((sum, group) => sum + group.scale, 0);
}

function wireStatusOf(spec: SpecDocument, status: StatusDocument | null, observed: boolean): WireStatus {
  if (spec.deletion !== undefined || status?.state === 'gone') return 'deleting';
  if (status === null) return 'new';
  if (observed) return status.state;
  if (status.live !== null) return 'updating';
  return status.state === 'error' ? 'provisioning' : status.state;
}

/** A change that was given up while something is live is no longer pending; one that never had anything live still shows. */
export function isPending(spec: SpecDocument, revision: number, status: StatusDocument | null): boolean {
  if (status?.live == null) return true;
  if (spec.deletion !== undefined) return false;
  return status.live.revision < revision && status.rejection?.revision !== revision;
}

function progressOf(
  spec: SpecDocument,
  status: StatusDocument | null,
  observed: boolean,
): Pick<DedicatedInference, 'phase' | 'phase_since' | 'progress' | 'reason' | 'message' | 'hint'> {
  if (status !== null && observed) {
    const { phase, phaseSince, reason, message, hint, progress, changeSince } = status;
    return {
      phase,
      phase_since: phaseSince,
      ...(progress !== undefined && { progress: progressReply(progress, changeSince) }),
      reason,
      message,
      ...(hint !== undefined && { hint }),
    };
  }
  const since = spec.updatedAt;
  return {
    ...(spec.deletion === undefined
      ? { phase: 'capacity', progress: { passed: 0, steps: changeSteps.length, since } }
      : { phase: 'teardown' }),
    phase_since: since,
    ...waiting(status),
  };
}

/** Why a change has not been taken up: where nothing may be changed now, the provisioner says so. */
function waiting(status: StatusDocument | null): Pick<DedicatedInference, 'reason' | 'message' | 'hint'> {
  const held = status?.conditions.find(({ type, status: value }) => type === 'Stalled' && value === 'True');
  if (held === undefined || held.reason === status?.rejection?.reason)
    return { reason: 'Accepted', message: 'The change is stored and waits to be taken up.' };
  const { reason, message, hint } = held;
  return { reason, message, ...(hint !== undefined && { hint }) };
}

function progressReply({ passed, steps, estimate }: ChangeProgress, since: string): DedicatedInference['progress'] {
  if (estimate === undefined) return { passed, steps, since };
  const { readyAt, readyBy, likeness, changes } = estimate;
  return { passed, steps, since, estimate: { ready_at: readyAt, ready_by: readyBy, likeness, changes } };
}

function pendingState(status: WireStatus, live: boolean): { state: string; status: string } {
  if (status === 'error') return { state: 'invalid', status: 'provisioning' };
  return { state: 'pending', status: live ? 'updating' : 'provisioning' };
}

type SpecContent = Pick<SpecDocument, 'version' | 'enablePublicEndpoint' | 'deployments' | 'createdAt' | 'updatedAt'>;

function specReply(owner: SpecDocument, content: SpecContent, marks: { state: string; status: string }): SpecReply {
  const accelerator = { state: marks.state, status: marks.state === 'active' ? 'active' : 'provisioning' };
  return {
    id: owner.endpointId,
    dedicated_inference_id: owner.endpointId,
    version: content.version,
    // A new name holds from the moment at which it is stored.
    name: owner.name,
    region: owner.region,
    ...marks,
    enable_public_endpoint: content.enablePublicEndpoint,
    vpc: { uuid: owner.vpcId },
    // Terraform compares it with its configuration: one that names no VPC would have the endpoint made anew.
    ...(owner.vpcGiven && { vpc_config: { vpc_uuid: owner.vpcId } }),
    model_deployments: content.deployments.map((model) => ({
      model_id: model.modelId,
      model_slug: model.slug,
      model_provider: model.provider,
      provider_model_id: model.providerModelId,
      workload_config: {},
      accelerators: model.accelerators.map((group) => ({
        accelerator_id: group.acceleratorId,
        accelerator_slug: group.slug,
        type: group.type,
        scale: group.scale,
        ...accelerator,
      })),
    })),
    created_at: content.createdAt,
    updated_at: content.updatedAt,
  };
}

function endpointsOf(
  hosts: NonNullable<StatusDocument['hosts']>,
  address: EndpointAddress,
): NonNullable<DedicatedInference['endpoints']> {
  const url = (host: string, { scheme, port }: EndpointAddress): string =>
    `${scheme}://${host}${port === undefined ? '' : `:${port}`}`;
  return {
    ...(hosts.public !== undefined && { public_endpoint_fqdn: url(hosts.public, address) }),
    private_endpoint_fqdn: url(hosts.private, address.private ?? address),
  };
}

/** ISO times of one form compare as text. */
function later(left: string, right: string | undefined): string {
  return right !== undefined && right > left ? right : left;
}
