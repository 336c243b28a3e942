import type { z } from 'zod';
import type { PageQuery } from '#shared/contract/deployment.ts';
import type { tokensReplySchema } from '#shared/contract/parts.ts';
import { pageOf } from '../../http/page-links.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';
import { readAccess } from './read-access.ts';
import { tokenReply } from './token-scope.ts';

/** A page of an endpoint's tokens, oldest first, without their values, and when they were used last. `listUrl` is what the page links start with. */
export async function listTokens(
  context: RegionContext,
  call: Call,
  { endpointId, query, listUrl }: { endpointId: string; query: PageQuery; listUrl: string },
): Promise<Answer<z.infer<typeof tokensReplySchema>>> {
  const { access } = await readAccess(context, call, endpointId);
  const days = await context.lastUse.daysOf(endpointId);
  const tokens = access.tokens.map((token) => {
    const day = days[token.tokenId];
    return { ...tokenReply(token), ...(day !== undefined && { last_used_on: day }) };
  });
  const { items, links, meta } = pageOf(tokens, query, listUrl);
  return { status: 200, revision: null, body: { tokens: items, links, meta } };
}
