import type { IncomingHttpHeaders } from 'node:http';

/** Headers that belong to one hop (RFC 9110 §7.6.1), or that the router sets or keeps to itself. */
const dropped: ReadonlySet<string> = new Set(
  (
    'connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade ' +
    'expect host content-length content-encoding accept-encoding ' +
    'authorization x-api-key cookie x-request-id x-client-request-id'
  ).split(' '),
);

/** What the router says itself in a request to an engine. */
export interface UpstreamIdentity {
  /** The pool's key: an address that another tenant's pod inherited answers 401 to it. */
  readonly upstreamKey: string;
  readonly requestId: string;
}

/** Headers of the request to the engine: the client's without those of its own hop and without its credential. */
export function upstreamHeaders(client: IncomingHttpHeaders, identity: UpstreamIdentity): Record<string, string> {
  const named = new Set((client.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(client))
    if (value !== undefined && !dropped.has(name) && !named.has(name))
      headers[name] = typeof value === 'string' ? value : value.join(', ');
  return {
    ...headers,
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    authorization: `Bearer ${identity.upstreamKey}`,
    'x-request-id': identity.requestId,
  };
}
