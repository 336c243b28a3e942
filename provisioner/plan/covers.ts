/**
 * True when `live` has everything that `planned` has: members may be more (a server fills defaults in), list items must
 * be as many and in order. Such an object needs no apply. Pure.
 */
export function covers(live: unknown, planned: unknown): boolean {
  if (planned === undefined) return true;
  if (Array.isArray(planned)) {
    if (!Array.isArray(live) || live.length !== planned.length) return false;
    return planned.every((item, index) => covers(live[index], item));
  }
  if (typeof planned === 'object' && planned !== null) {
    if (typeof live !== 'object' || live === null) return Object.keys(planned).length === 0 && live === undefined;
    const have = new Map(Object.entries(live));
    return Object.entries(planned).every(([name, value]) => covers(have.get(name), value));
  }
  return live === planned;
}
