/** What sorting needs of an item; the rest is passed on as the region sent it. */
export interface Sortable {
  id: string;
  created_at: string;
}

/**
 * One page out of several sorted lists. Each list holds at least its first `page × perPage` items, so that whatever
 * belongs on the page is there. Sorted by (created_at, id), as every region sorts.
 */
export function mergeLists<T extends Sortable>(
  lists: readonly (readonly T[])[],
  { page, perPage }: { page: number; perPage: number },
): T[] {
  const sortKey = (item: T): string => `${item.created_at} ${item.id}`;
  const sorted = lists.flat().toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  return sorted.slice((page - 1) * perPage, page * perPage);
}
