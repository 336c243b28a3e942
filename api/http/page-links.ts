import type { ListQuery } from '#shared/contract/deployment.ts';
import type { ListReply } from '#shared/contract/resource.ts';

/**
 * Links to the other pages, absolute; none when one page holds all. A page is never 0: that ends doctl. The next page
 * begins behind the last item of this one (`next`, undefined when there is none), so that whoever follows the links
 * misses nothing when items go meanwhile.
 */
export function pageLinks(
  listUrl: string,
  query: ListQuery,
  { total, next }: { total: number; next: string | undefined },
): ListReply['links'] {
  const pages = Math.max(1, Math.ceil(total / query.per_page));
  if (pages === 1 && query.page === 1 && next === undefined) return {};
  const { after: _present, ...filters } = query;
  const link = (page: number, after?: string): string => {
    const url = new URL(listUrl);
    for (const [key, value] of Object.entries({ ...filters, page })) url.searchParams.set(key, String(value));
    if (after !== undefined) url.searchParams.set('after', after);
    return url.toString();
  };
  return {
    pages: {
      ...(query.page > 1 && { first: link(1), prev: link(Math.min(query.page - 1, pages)) }),
      ...(next !== undefined && { next: link(query.page + 1, next), last: link(Math.max(pages, query.page + 1)) }),
    },
  };
}
