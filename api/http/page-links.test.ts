import { describe, expect, it } from 'vitest';
import { pageLinks } from './page-links.ts';

const base = 'https://api.example/v2/dedicated-inferences';
const place = '2026-01-01T00:00:00.000Z_00000000-0000-8001-8000-000000000001';

function numbers(page: number, total: number, more: boolean): Record<string, string | null> {
  const query = { page, per_page: 2, name: 'a b', after: 'present' };
  const links = pageLinks(base, query, { total, next: more ? place : undefined });
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
});
