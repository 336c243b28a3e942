import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeLists } from './merge-lists.ts';

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
        const sortKey = (one: { id: string; created_at: string }): string => `${one.created_at} ${one.id}`;
        const sorted = given.map((list) => list.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)));
        const heads = sorted.map((list) => list.slice(0, page * perPage));
        const all = sorted.flat().map(sortKey).toSorted();
        const wanted = all.slice((page - 1) * perPage, page * perPage);
        expect(mergeLists(heads, { page, perPage }).map(sortKey)).toEqual(wanted);
      }),
    );
  });
});
