import type { RevisedSpec, WrittenAccess } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { readAccessOf, readSpec } from '../endpoints/read-desired.ts';
import type { Call, RegionContext } from '../endpoints/region-context.ts';

/** Who may call an endpoint, with the stream sequence it stands at, and the endpoint itself. */
export interface EndpointAccess {
  spec: RevisedSpec['spec'];
  access: WrittenAccess;
  revision: number;
}

/**
 * The access of a team's endpoint, from the leader.
 * @throws AppError `not_found` when there is no such endpoint in the team, `unavailable`.
 */
export async function readAccess({ desired }: RegionContext, call: Call, endpointId: string): Promise<EndpointAccess> {
  const { spec } = await readSpec(desired, endpointId, call.principal.team);
  const { document: access, revision } = await readAccessOf(desired, spec);
  if (access === null) throw new AppError('not_found');
  return { spec, access, revision };
}
