import type { ListQuery, ListReply } from '#shared/contract/deployment.ts';

/** Links to the other pages, absolute; none when one page holds all. A page is never 0: that ends doctl. */
export function pageLinks(listUrl: string, query: ListQuery, total: number): ListReply['links'] {
  const pages = Math.max(1, Math.ceil(total / query.per_page));
  if (pages === 1 && query.page === 1) return {};
  const link = (page: number): string => {
    const url = new URL(listUrl);
    for (const [key, value] of Object.entries({ ...query, page })) url.searchParams.set(key, String(value));
    return url.toString();
  };
  return {
    pages: {
      ...(query.page > 1 && { first: link(1), prev: link(Math.min(query.page - 1, pages)) }),
      ...(query.page < pages && { next: link(query.page + 1), last: link(pages) }),
    },
  };
}
