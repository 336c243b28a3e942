import type { IncomingHttpHeaders } from 'node:http';

/** What a client may call its own request. */
const clientIdForm = /^[\x21-\x7e]{1,128}$/;

/** The name that a client gave its request, where it may be repeated. */
export function clientIdOf(headers: IncomingHttpHeaders): string | undefined {
  const given = headers['x-request-id'];
  return typeof given === 'string' && clientIdForm.test(given) ? given : undefined;
}

/**
 * The id of a request under the names that clients look for (OpenAI's SDKs the first one, Anthropic's the other), and the
 * client's own beside it: two clients may choose the same.
 */
export function idHeaders(id: string, clientId?: string): Record<string, string> {
  return {
    'x-request-id': id,
    'request-id': id,
    ...(clientId !== undefined && { 'x-client-request-id': clientId }),
  };
}

/** Where a request went and why, for those who look into it; an answer that began before that was known has none. */
export function routeHeaders({
  router,
  replicaId,
  reason,
  queueMs,
}: Readonly<Record<string, unknown>>): Record<string, string> {
  if (typeof reason !== 'string') return {};
  return {
    'x-fairway-router': String(router),
    'x-fairway-replica': String(replicaId),
    'x-fairway-route-reason': reason,
    'x-fairway-queue-ms': String(queueMs),
  };
}
