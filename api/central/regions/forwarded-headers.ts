/** Marks a request that has passed a front door: one that comes back to one goes in a circle. */
export const hopHeader = 'x-fairway-hop';

/** Headers of one connection only (RFC 9110 §7.6.1), and those that the next one sets by itself. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
]);

/** What goes on: everything but hop-by-hop headers and those that `Connection` names. */
export function endToEndHeaders(headers: Headers): Record<string, string> {
  const named = new Set((headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries([...headers].filter(([name]) => !hopByHop.has(name) && !named.has(name)));
}
