import type { RevisedSpec, WrittenAccess } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { readAccessOf, readSpec } from '../endpoints/read-desired.ts';
import type { Call, RegionContext } from '../endpoints/region-context.ts';

/** Who may call an endpoint, with the stream sequence it stands at, and the endpoint itself. */
export interface EndpointAccess {
  spec: RevisedSpec['spec'];
  access: WrittenAccess;
  /** The same with every token that stands in the document. */
  stored: WrittenAccess;
  revision: number;
}

/**
 * The access of a team's endpoint, from the leader, without tokens whose rotation is over: the next change leaves them out.
 * @throws AppError `not_found` when there is no such endpoint in the team, `unavailable`.
 */
export async function readAccess(context: RegionContext, call: Call, endpointId: string): Promise<EndpointAccess> {
  const { spec } = await readSpec(context, call, endpointId);
  const { document: stored, revision } = await readAccessOf(context.desired, spec);
  if (stored === null) throw new AppError('not_found');
  const tokens = stored.tokens.filter((token) => !isOver(token, context.clock.now()));
  return { spec, access: { ...stored, tokens }, stored, revision };
}

function isOver({ replacedBy, expiresAt }: WrittenAccess['tokens'][number], now: number): boolean {
  return replacedBy !== undefined && expiresAt !== undefined && Date.parse(expiresAt) <= now;
}
