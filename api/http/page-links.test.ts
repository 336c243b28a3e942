import { describe, expect, it } from 'vitest';
import { pageLinks } from './page-links.ts';

const base = 'https://api.example/v2/dedicated-inferences';
const numbers = (page: number, total: number): Record<string, string | null> =>
  Object.fromEntries(
    Object.entries(pageLinks(base, { page, per_page: 2, name: 'a b' }, total).pages ?? {}).map(([key, link]) => {
      const url = new URL(link ?? '');
      expect([url.origin + url.pathname, url.searchParams.get('name')]).toEqual([base, 'a b']);
      return [key, url.searchParams.get('page')];
    }),
  );

describe('page links', () => {
  it.each([
    { page: 1, total: 0, links: {} },
    { page: 1, total: 2, links: {} },
    { page: 1, total: 5, links: { next: '2', last: '3' } },
    { page: 2, total: 5, links: { first: '1', prev: '1', next: '3', last: '3' } },
    { page: 3, total: 5, links: { first: '1', prev: '2' } },
    { page: 9, total: 5, links: { first: '1', prev: '3' } },
    { page: 9, total: 0, links: { first: '1', prev: '1' } },
  ])('of page $page of $total', ({ page, total, links }) => {
    expect(numbers(page, total)).toEqual(links);
  });
});
