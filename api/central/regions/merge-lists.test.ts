import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeLists, placeOf } from './merge-lists.ts';

const item = fc.record({
  id: fc.uuid(),
  created_at: fc.date({ min: new Date(0), max: new Date(5), noInvalidDate: true }).map((date) => date.toISOString()),
});

describe('merged lists', () => {
  it('are the same pages as of one list, when each list reaches the end of the page', () => {
    const lists = fc.array(fc.array(item, { maxLength: 12 }), { maxLength: 4 });
    const paging = fc.record({ page: fc.integer({ min: 1, max: 5 }), perPage: fc.integer({ min: 1, max: 7 }) });
    fc.assert(
      fc.property(lists, paging, (given, { page, perPage }) => {
        const sorted = given.map((list) => list.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)));
        const end = page * perPage;
        const heads = sorted.map((list) => ({ items: list.slice(0, end), more: list.length > end }));
        const all = sorted.flat().map(placeOf).toSorted();
        const merged = mergeLists(heads, { skip: end - perPage, take: perPage });
        expect(merged.items.map(placeOf)).toEqual(all.slice(end - perPage, end));
        expect(merged.next && placeOf(merged.next)).toBe(all.length > end ? all[end - 1] : undefined);
      }),
    );
  });

  it('have each item once', () => {
    const one = { id: 'a', created_at: '2026-01-01T00:00:00.000Z' };
    expect(mergeLists([{ items: [one, one], more: false }], { skip: 0, take: 5 }).items).toEqual([one]);
  });
});
