import { listReplySchema } from '#shared/contract/resource.ts';
import { collectionPath } from '#shared/contract/deployment.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { Region } from '#shared/contract/ids.ts';
import type { Forwarder, ForwardRequest } from './forward.ts';

/**
 * Refuses a create whose name the team already uses in another region; each region itself only knows its own names.
 * Gives back the regions that could not be asked.
 * @throws AppError `name_taken` with the holder's id.
 */
export async function refuseTakenName(
  request: ForwardRequest,
  { name, others, forwarder }: { name: string | undefined; others: readonly Region[]; forwarder: Forwarder },
): Promise<Region[]> {
  if (name === undefined || name.length > 255) return [];
  const path = `${collectionPath}?per_page=1&name=${encodeURIComponent(name)}`;
  const unasked: Region[] = [];
  await Promise.all(
    others.map(async (region) => {
      // A region that does not answer is named as one that was not asked.
      const reply = await forwarder
        .forward(region, { ...request, method: 'GET', path, body: undefined })
        .catch(() => undefined);
      const list = reply?.status === 200 ? listReplySchema.safeParse(await reply.json()) : undefined;
      if (reply?.bodyUsed === false) await reply.body?.cancel();
      if (list?.success !== true) return unasked.push(region);
      const [holder] = list.data.dedicated_inferences;
      if (holder === undefined) return undefined;
      throw new AppError('name_taken', {
        message: `The name ${name} belongs to endpoint ${holder.id} in ${region}.`,
        details: { id: holder.id, region },
      });
    }),
  );
  return unasked;
}
