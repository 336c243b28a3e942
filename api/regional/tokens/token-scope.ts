import type { TokenRequest } from '#shared/contract/parts.ts';
import type { TokenReply } from '#shared/contract/resource.ts';
import type { AccessDocument } from '#shared/contract/desired.ts';

type AccessToken = AccessDocument['tokens'][number];

/** A token's name and what it is good for, as stored; what was not asked for is left out. */
export function storedScope({
  name,
  models,
  expires_at: expiresAt,
  networks,
  group,
  flow_header: flowHeader,
}: TokenRequest) {
  return {
    name,
    ...(models !== undefined && { models }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(networks !== undefined && { networks }),
    ...(group !== undefined && { group }),
    ...(flowHeader !== undefined && { flowHeader }),
  } satisfies Partial<AccessToken>;
}

/** A token as replies show it, without its value. */
export function tokenReply(token: Omit<AccessToken, 'hash'>): TokenReply {
  const { tokenId: id, name, managed, createdAt, models, expiresAt, networks, group, flowHeader, replacedBy } = token;
  return {
    id,
    name,
    is_managed: managed,
    created_at: createdAt,
    ...(models !== undefined && { models }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...(networks !== undefined && { networks }),
    ...(group !== undefined && { group }),
    ...(flowHeader !== undefined && { flow_header: flowHeader }),
    ...(replacedBy !== undefined && { replaced_by: replacedBy }),
  };
}
