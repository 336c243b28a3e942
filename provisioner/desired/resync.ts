import { statusDocumentSchema } from '#shared/contract/status.ts';
import { lastToken, streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { startView, type ViewMessage } from '#shared/runtime/nats/nats-view.ts';
import type { DesiredEntry, DesiredMap, SpecMessage } from './desired-map.ts';
import type { TeamChange } from './past-changes.ts';

/** What resync needs. `endpointsInClusters` names every endpoint of which a cluster has an object. */
export interface ResyncOptions {
  nats: Nats;
  clock: Clock;
  log: Logger;
  desired: DesiredMap;
  take: (message: SpecMessage) => boolean;
  endpointsInClusters: () => Set<string>;
  /** VPCs whose pool documents are looked through. */
  vpcIds: () => readonly string[];
  wake: (endpointId: string) => void;
  onCorrected: (what: Correction) => void;
  /** Hears how long changes took, as all statuses tell. */
  onPastChanges: (all: readonly TeamChange[]) => void;
}

/** What a status says for resync's purposes. */
export interface StatusMark {
  observedRevision: number;
  state: string;
}

const statusMarkSchema = statusDocumentSchema.pick({ observedRevision: true, state: true, pastChanges: true });

/**
 * One round: reads all desired state and every status from the streams, and wakes the endpoints whose status is behind,
 * that are not at rest, or that the cluster has and the stream has not. The source of truth is the stream, never the
 * cluster. @throws when NATS does not answer.
 */
export async function resync(options: ResyncOptions, signal: AbortSignal): Promise<void> {
  const { desired, take, wake, onCorrected } = options;
  const present = new Set<string>();
  const missed: string[] = [];
  const { state } = await options.nats.jsm.streams.info(streams.desired.name);
  await readAll(options, { stream: streams.desired.name, subject: subjects.everySpec, signal }, (message) => {
    const endpointId = lastToken(message.subject);
    if (!message.deleted) present.add(endpointId);
    const news = take({ endpointId, revision: message.seq, text: message.text, deleted: message.deleted });
    if (news) missed.push(endpointId);
  });
  desired.retain(present, state.last_seq);
  const statuses = new Map<string, StatusMark>();
  const past: TeamChange[] = [];
  await readAll(options, { stream: streams.status.name, subject: subjects.everyStatus, signal }, (message) => {
    const parsed = statusMarkSchema.safeParse(json(message.text));
    if (!parsed.success) return;
    const endpointId = lastToken(message.subject);
    statuses.set(endpointId, parsed.data);
    const entry = desired.get(endpointId);
    const team = entry.kind === 'spec' ? entry.spec.team : null;
    for (const change of parsed.data.pastChanges ?? []) past.push({ team, change });
  });
  options.onPastChanges(past);
  const objects = options.endpointsInClusters();
  const pools = new Set<string>();
  for (const vpcId of options.vpcIds())
    await readAll(options, { stream: streams.edge.name, subject: subjects.poolsOfVpc(vpcId), signal }, (message) => {
      if (!message.deleted) pools.add(lastToken(message.subject.slice(0, message.subject.lastIndexOf('.'))));
    });
  for (const _ of missed) onCorrected('missed_wake');
  for (const endpointId of new Set([...desired.keys(), ...objects, ...pools, ...statuses.keys()])) {
    const left = { objects: objects.has(endpointId), pools: pools.has(endpointId) };
    const why = whyWake(desired.get(endpointId), statuses.get(endpointId), left);
    if (why === undefined) continue;
    if (why === 'orphan' || why === 'unknown') onCorrected(why);
    wake(endpointId);
  }
}

/** What resync puts right or finds, beside wake-ups that were missed. */
export type Correction = 'missed_wake' | 'orphan' | 'unknown';

/**
 * Why an endpoint needs a look, or undefined for one that is over. A living one always gets one: it may have drifted.
 * `orphan`: something is left of a deleted one. `unknown`: something is there of which the stream knows nothing.
 */
export function whyWake(
  desired: DesiredEntry,
  status: StatusMark | undefined,
  left: { objects: boolean; pools: boolean },
): 'alive' | 'orphan' | 'unknown' | 'ending' | undefined {
  const anything = left.objects || left.pools || (status !== undefined && status.state !== 'gone');
  switch (desired.kind) {
    case 'parked':
      return undefined;
    case 'absent':
      return anything ? 'unknown' : undefined;
    case 'tombstone':
      return anything ? 'orphan' : undefined;
    case 'spec':
      if (desired.spec.deletion === undefined) return 'alive';
      return status?.state === 'gone' && !left.objects && !left.pools ? undefined : 'ending';
  }
}

/** Reads the last message of every subject once. */
async function readAll(
  { nats, clock, log }: ResyncOptions,
  what: { stream: string; subject: string; signal: AbortSignal },
  apply: (message: ViewMessage) => void,
): Promise<void> {
  const { stream, subject, signal } = what;
  await using view = startView({ nats, clock, log, stream, subjects: [subject], apply });
  await view.whenSynced(signal);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
