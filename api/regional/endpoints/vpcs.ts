import { vpcDocumentSchema } from '#shared/contract/identity.ts';
import { AppError, type InputProblem } from '#shared/contract/errors.ts';
import type { Region } from '#shared/contract/ids.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startDocumentMap } from '#shared/runtime/nats/document-map.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';

/** The VPCs of a region, and whose they are. */
export interface Vpcs {
  /** What is wrong with an endpoint of this team in this VPC; null when nothing is. @throws AppError `unavailable`. */
  problem(vpcId: string, team: string): InputProblem | null;
  /** False only when it is certain that the region has no such VPC: nobody would carry out what is asked for in it. */
  mayExist(vpcId: string): boolean;
}

/** Follows the VPCs of `IDENTITY`. */
export function startVpcs(
  region: Region,
  from: { nats: Nats; clock: Clock; log: Logger },
): Vpcs & AsyncDisposable & { synced(): boolean; whenSynced(signal?: AbortSignal): Promise<void> } {
  const vpcs = startDocumentMap({
    ...from,
    stream: streams.identity.name,
    subject: subjects.everyVpc,
    // One that cannot be read is there, and nobody's.
    parse: (json) => vpcDocumentSchema.safeParse(json).data ?? { region: null, teams: [] },
    parked: 'goes',
  });
  return {
    problem(vpcId, team) {
      if (!vpcs.synced()) throw new AppError('unavailable', { message: 'The VPCs are still being read.' });
      const vpc = vpcs.get(subjects.vpc(vpcId))?.value;
      if (vpc?.region === region && vpc.teams.includes(team)) return null;
      const message = `${vpcId} is no VPC of team ${team} in ${region}; name one that is, or ask the operator to add it`;
      return { path: 'spec.vpc.uuid', message };
    },
    mayExist: (vpcId) => !vpcs.synced() || vpcs.get(subjects.vpc(vpcId)) !== undefined,
    synced: () => vpcs.synced(),
    whenSynced: (signal) => vpcs.whenSynced(signal),
    [Symbol.asyncDispose]: () => vpcs[Symbol.asyncDispose](),
  };
}
