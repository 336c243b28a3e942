import {
  accessTombstoneSchema,
  writtenAccessSchema,
  type RevisedSpec,
  type WrittenAccess,
} from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { readLeader, readSpec } from '../endpoints/read-desired.ts';
import type { Call, RegionContext } from '../endpoints/region-context.ts';

/** Who may call an endpoint, with the stream sequence it stands at, and the endpoint itself. */
export interface EndpointAccess {
  spec: RevisedSpec['spec'];
  access: WrittenAccess;
  revision: number;
}

/**
 * The access of a team's endpoint, from the leader, without tokens whose rotation is over: the next change leaves them out.
 * @throws AppError `not_found` when there is no such endpoint in the team, `unavailable`.
 */
export async function readAccess(
  { desired, clock }: RegionContext,
  call: Call,
  endpointId: string,
): Promise<EndpointAccess> {
  const { spec } = await readSpec(desired, endpointId, call.principal.team);
  const subject = subjects.access(spec.vpcId, endpointId);
  const last = await readLeader(desired, subject);
  if (last === null || last.deleted || accessTombstoneSchema.safeParse(last.body).success)
    throw new AppError('not_found');
  const access = writtenAccessSchema.safeParse(last.body);
  if (access.success) {
    const tokens = access.data.tokens.filter((token) => !isOver(token, clock.now()));
    return { spec, access: { ...access.data, tokens }, revision: last.seq };
  }
  throw new AppError('unavailable', {
    message: `The document on ${subject} was written by another version of the API. Upgrade this process.`,
    cause: access.error,
  });
}

function isOver({ replacedBy, expiresAt }: WrittenAccess['tokens'][number], now: number): boolean {
  return replacedBy !== undefined && expiresAt !== undefined && Date.parse(expiresAt) <= now;
}
