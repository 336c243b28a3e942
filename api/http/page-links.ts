import type { PageQuery } from '#shared/contract/deployment.ts';
import type { PageLinks } from '#shared/contract/resource.ts';

/**
 * Links to the other pages, absolute; none when one page holds all. A page is never 0: that ends doctl. The next page
 * begins behind the last item of this one where a place can be named (`next.after`), so that whoever follows the links
 * misses nothing when items go meanwhile; `next` is undefined when there is none. `query` holds the page and whatever filters the list.
 */
export function pageLinks(
  listUrl: string,
  query: PageQuery & { after?: string | undefined; [filter: string]: string | number | undefined },
  { total, next }: { total: number; next: { after?: string } | undefined },
): PageLinks {
  const pages = Math.max(1, Math.ceil(total / query.per_page));
  if (pages === 1 && query.page === 1 && next === undefined) return {};
  const { after: _present, ...filters } = query;
  const link = (page: number, after?: string): string => {
    const url = new URL(listUrl);
    for (const [key, value] of Object.entries({ ...filters, page }))
      if (value !== undefined) url.searchParams.set(key, String(value));
    if (after !== undefined) url.searchParams.set('after', after);
    return url.toString();
  };
  return {
    pages: {
      ...(query.page > 1 && { first: link(1), prev: link(Math.min(query.page - 1, pages)) }),
      ...(next !== undefined && {
        next: link(query.page + 1, next.after),
        last: link(Math.max(pages, query.page + 1)),
      }),
    },
  };
}

/** One page of a list that is there whole, with its links. */
export function pageOf<T>(
  items: readonly T[],
  query: PageQuery & { [filter: string]: string | number | undefined },
  listUrl: string,
): { items: T[]; links: PageLinks; meta: { total: number } } {
  const end = query.page * query.per_page;
  const total = items.length;
  const links = pageLinks(listUrl, query, { total, next: end < total ? {} : undefined });
  return { items: items.slice(end - query.per_page, end), links, meta: { total } };
}
