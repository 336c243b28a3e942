import { z } from 'zod';
import { listQuerySchema, type ListQuery } from '#shared/contract/deployment.ts';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import type { Region } from '#shared/contract/ids.ts';
import { pageLinks } from '../../http/page-links.ts';
import { parseInput } from '../../http/read-input.ts';
import type { Forwarder, ForwardRequest } from './forward.ts';
import { mergeLists, placeOf } from './merge-lists.ts';

/** Deepest item that a page number reaches: every region is read up to it. Links to the next page have no such bound. */
const depthMax = 10_000;

/** Most items of one request to a region. */
const regionPage = 200;

/** Requests to one region at once. */
const requestsAtOnce = 8;

/** What one region holds: what was asked for, whether more follows, and how much there is; or its refusal; or silence. */
type Part = { items: Item[]; more: boolean; total: number } | { refusal: Response } | { silent: AppError };

/**
 * A page of all regions' endpoints, oldest first. One region (or `?region=`) is passed through; otherwise lists are
 * merged, and regions that could not be asked are named in `meta.unreachable`.
 * @throws AppError `region_unavailable` when no region answers, `unprocessable` for a query that does not fit.
 */
export async function listRegions(
  request: ForwardRequest,
  sources: {
    regions: readonly Region[];
    forwarder: Forwarder;
    /** For all of it, milliseconds: a region that is late is named as unreachable. */
    timeoutMs: number;
  },
): Promise<Response> {
  const url = new URL(request.path, request.origin);
  const query = parseInput(listQuerySchema, Object.fromEntries(url.searchParams));
  const asked = sources.regions.filter((region) => [undefined, region].includes(query.region));
  const [only] = sources.regions.length === 1 ? sources.regions : asked.length === 1 ? asked : [];
  if (only !== undefined) return sources.forwarder.forward(only, request);
  if (query.after === undefined && query.page * query.per_page > depthMax)
    throw new AppError('unprocessable', { problems: [{ path: 'page', message: `pages reach ${depthMax} items` }] });
  const signal = AbortSignal.timeout(sources.timeoutMs);
  const reader = { forwarder: sources.forwarder, query, request: { ...request, method: 'GET', signal } };
  const parts = await Promise.all(asked.map((region) => readPart(region, reader)));
  const refused = parts.find((part) => 'refusal' in part);
  if (refused !== undefined) return refused.refusal;
  const heard = parts.filter((part) => 'items' in part);
  const [silent] = parts.filter((part) => 'silent' in part);
  if (heard.length === 0 && silent !== undefined) throw silent.silent;
  const total = heard.reduce((sum, part) => sum + part.total, 0);
  const unreachable = asked.filter((_region, index) => 'silent' in (parts[index] ?? {}));
  const skip = query.after === undefined ? (query.page - 1) * query.per_page : 0;
  const { items, next } = mergeLists(heard, { skip, take: query.per_page });
  return Response.json({
    dedicated_inferences: items,
    links: pageLinks(`${url.origin}${url.pathname}`, query, { total, next: next && { after: placeOf(next) } }),
    meta: { total, ...(unreachable.length > 0 && { unreachable }) },
  });
}

const regionListSchema = z.object({
  dedicated_inferences: z.array(z.looseObject({ id: z.string(), created_at: z.string() })),
  links: z.object({ pages: z.object({ next: z.string().optional() }).optional() }).optional(),
  meta: z.object({ total: z.int() }),
});

type Item = z.infer<typeof regionListSchema>['dedicated_inferences'][number];

interface Reader {
  forwarder: Forwarder;
  query: ListQuery;
  request: ForwardRequest;
}

/** Reads a region's items, at least up to the end of the page that is asked for. */
async function readPart(region: Region, reader: Reader): Promise<Part> {
  const { page, per_page: perPage, after } = reader.query;
  const wanted = after === undefined ? page * perPage : perPage;
  try {
    const first = await readPage(region, reader, { page: 1, perPage: Math.min(regionPage, wanted) });
    if ('refusal' in first || 'silent' in first) return first;
    const pages = after === undefined ? Math.ceil(Math.min(wanted, first.total) / regionPage) : 1;
    const read = [first];
    for (let start = 2; start <= pages; start += requestsAtOnce) {
      const count = Math.min(requestsAtOnce, pages - start + 1);
      const more = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          readPage(region, reader, { page: start + index, perPage: regionPage }),
        ),
      );
      const other = more.find((part) => !('items' in part));
      if (other !== undefined) return other;
      read.push(...more.filter((part) => 'items' in part));
    }
    return { items: read.flatMap(({ items }) => items), more: read.at(-1)?.more === true, total: first.total };
  } catch (error) {
    return { silent: toAppError(error) };
  }
}

async function readPage(
  region: Region,
  { forwarder, query, request }: Reader,
  { page, perPage }: { page: number; perPage: number },
): Promise<Part> {
  const search = new URLSearchParams({ page: String(page), per_page: String(perPage) });
  if (query.name !== undefined) search.set('name', query.name);
  if (query.after !== undefined) search.set('after', query.after);
  const reply = await forwarder.forward(region, { ...request, path: `${request.path.split('?')[0]}?${search}` });
  if (reply.status >= 500) {
    await reply.body?.cancel();
    return { silent: new AppError('region_unavailable') };
  }
  if (reply.status !== 200) return { refusal: reply };
  const { dedicated_inferences: items, links, meta } = regionListSchema.parse(await reply.json());
  return { items, more: links?.pages?.next !== undefined, total: meta.total };
}
