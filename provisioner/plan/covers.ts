/**
 * True when `live` has everything that `wanted` has: members may be more (a server fills defaults in), list items must
 * be as many and in order. Such an object needs no apply. Pure.
 */
export function covers(live: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) {
    if (!Array.isArray(live) || live.length !== wanted.length) return false;
    return wanted.every((item, index) => covers(live[index], item));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof live !== 'object' || live === null) return Object.keys(wanted).length === 0 && live === undefined;
    const have = new Map(Object.entries(live));
    return Object.entries(wanted).every(([name, value]) => covers(have.get(name), value));
  }
  return live === wanted;
}
