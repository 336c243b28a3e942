import { z } from 'zod';
import { listQuerySchema, type ListQuery } from '#shared/contract/deployment.ts';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import type { Region } from '#shared/contract/ids.ts';
import { inputProblems } from '../../http/input-problems.ts';
import { pageLinks } from '../../http/page-links.ts';
import type { Forwarder, ForwardRequest } from './forward.ts';
import { mergeLists } from './merge-lists.ts';

/** Deepest item that a list over several regions reaches: every region is read up to the page that is asked for. */
const depthMax = 10_000;

/** Most items of one request to a region. */
const regionPage = 200;

/** Where lists come from. */
export interface ListSources {
  regions: readonly Region[];
  forwarder: Forwarder;
}

/** What one region holds: its first items, and how many there are; or its refusal; or nothing, when it is silent. */
type Part = { items: Item[]; total: number } | { refusal: Response } | { silent: AppError };

/**
 * A page of all regions' endpoints, oldest first. One region (or `?region=`) is passed through; otherwise lists are
 * merged, and regions that could not be asked are named in `meta.unreachable`.
 * @throws AppError `region_unavailable` when no region answers, `unprocessable` for a query that does not fit.
 */
export async function listRegions(request: ForwardRequest, sources: ListSources): Promise<Response> {
  const url = new URL(request.path, request.origin);
  const query = listQuerySchema.safeParse(Object.fromEntries(url.searchParams));
  if (!query.success) throw new AppError('unprocessable', { problems: inputProblems(query.error) });
  const asked = sources.regions.filter((region) => [undefined, region].includes(query.data.region));
  const [only] = sources.regions.length === 1 ? sources.regions : asked.length === 1 ? asked : [];
  if (only !== undefined) return sources.forwarder.forward(only, request);
  if (query.data.page * query.data.per_page > depthMax)
    throw new AppError('unprocessable', { problems: [{ path: 'page', message: `pages reach ${depthMax} items` }] });
  const parts = await Promise.all(asked.map((region) => readPart(region, request, { query: query.data, sources })));
  const refused = parts.find((part) => 'refusal' in part);
  if (refused !== undefined) return refused.refusal;
  const heard = parts.filter((part) => 'items' in part);
  const [silent] = parts.filter((part) => 'silent' in part);
  if (heard.length === 0 && silent !== undefined) throw silent.silent;
  const total = heard.reduce((sum, part) => sum + part.total, 0);
  const unreachable = asked.filter((_region, index) => 'silent' in (parts[index] ?? {}));
  return Response.json({
    dedicated_inferences: mergeLists(
      heard.map((part) => part.items),
      { page: query.data.page, perPage: query.data.per_page },
    ),
    links: pageLinks(`${url.origin}${url.pathname}`, query.data, total),
    meta: { total, ...(unreachable.length > 0 && { unreachable }) },
  });
}

const regionListSchema = z.object({
  dedicated_inferences: z.array(z.looseObject({ id: z.string(), created_at: z.string() })),
  meta: z.object({ total: z.int() }),
});

type Item = z.infer<typeof regionListSchema>['dedicated_inferences'][number];

/** Reads a region's first items, up to the end of the page that is asked for. */
async function readPart(
  region: Region,
  request: ForwardRequest,
  { query, sources }: { query: ListQuery; sources: ListSources },
): Promise<Part> {
  const items: Item[] = [];
  const wanted = query.page * query.per_page;
  try {
    for (let page = 1; ; page += 1) {
      const search = new URLSearchParams({ page: String(page), per_page: String(Math.min(regionPage, wanted)) });
      if (query.name !== undefined) search.set('name', query.name);
      const path = `${request.path.split('?')[0]}?${search}`;
      const reply = await sources.forwarder.forward(region, { ...request, path });
      if (reply.status >= 500) return { silent: new AppError('region_unavailable') };
      if (reply.status !== 200) return { refusal: reply };
      const list = regionListSchema.parse(await reply.json());
      items.push(...list.dedicated_inferences);
      if (items.length >= Math.min(wanted, list.meta.total) || list.dedicated_inferences.length === 0)
        return { items, total: list.meta.total };
    }
  } catch (error) {
    return { silent: toAppError(error) };
  }
}
