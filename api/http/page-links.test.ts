import { describe, expect, it } from 'vitest';
import { pageLinks, pageOf } from './page-links.ts';

const base = 'https://api.example/v2/dedicated-inferences';
const place = '2026-01-01T00:00:00.000Z_00000000-0000-8001-8000-000000000001';

function numbers(page: number, total: number, more: boolean): Record<string, string | null> {
  const query = { page, per_page: 2, name: 'a b', after: 'present' };
  const links = pageLinks(base, query, { total, next: more ? { after: place } : undefined });
  return Object.fromEntries(
    Object.entries(links.pages ?? {}).map(([key, link]) => {
      const url = new URL(link ?? '');
      expect([url.origin + url.pathname, url.searchParams.get('name')]).toEqual([base, 'a b']);
      expect(url.searchParams.get('after')).toBe(key === 'next' ? place : null);
      return [key, url.searchParams.get('page')];
    }),
  );
}

describe('page links', () => {
  it.each([
    { page: 1, total: 0, more: false, links: {} },
    { page: 1, total: 2, more: false, links: {} },
    { page: 1, total: 5, more: true, links: { next: '2', last: '3' } },
    { page: 2, total: 5, more: true, links: { first: '1', prev: '1', next: '3', last: '3' } },
    { page: 3, total: 5, more: false, links: { first: '1', prev: '2' } },
    { page: 9, total: 5, more: false, links: { first: '1', prev: '3' } },
    { page: 9, total: 0, more: false, links: { first: '1', prev: '1' } },
    // Items of earlier pages have gone: what is left goes on behind the last one all the same.
    { page: 2, total: 4, more: true, links: { first: '1', prev: '1', next: '3', last: '3' } },
  ])('of page $page of $total', ({ page, total, more, links }) => {
    expect(numbers(page, total, more)).toEqual(links);
  });

  it('of a list that is there whole lead through all of it', () => {
    const found: number[] = [];
    for (let page = 1; page <= 3; page += 1) {
      const { items, links, meta } = pageOf([1, 2, 3, 4, 5], { page, per_page: 2, slug: undefined }, base);
      found.push(...items);
      expect([links.pages?.next, meta.total]).toEqual([
        page < 3 ? `${base}?page=${page + 1}&per_page=2` : undefined,
        5,
      ]);
    }
    expect(found).toEqual([1, 2, 3, 4, 5]);
    expect(pageOf([1], { page: 1, per_page: 2 }, base).links).toEqual({});
  });
});
