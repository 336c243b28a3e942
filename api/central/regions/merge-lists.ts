/** What sorting needs of an item; the rest is passed on as the region sent it. */
export interface Sortable {
  id: string;
  created_at: string;
}

/** Where an item stands in every list; ISO times of one form compare as text. */
export function placeOf({ created_at: createdAt, id }: Sortable): string {
  return `${createdAt}_${id}`;
}

/**
 * One page out of several sorted lists, each of which holds all or at least its first `skip + take` items, so that
 * whatever belongs on the page is there. `next` is the last item of the page when another page follows. An item that moved
 * from one page of a region to the next while they were read comes once.
 */
export function mergeLists<T extends Sortable>(
  lists: readonly { items: readonly T[]; more: boolean }[],
  { skip, take }: { skip: number; take: number },
): { items: T[]; next: T | undefined } {
  const byId = new Map(lists.flatMap((list) => list.items).map((item) => [item.id, item]));
  const sorted = [...byId.values()].toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const items = sorted.slice(skip, skip + take);
  return { items, next: sorted.length > skip + take || lists.some(({ more }) => more) ? items.at(-1) : undefined };
}
