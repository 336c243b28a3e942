import type { UpstreamFailure } from './upstream.ts';

/** Nobody listens, or nothing that is reachable. */
const connectCodes = new Set(
  'ECONNREFUSED EHOSTUNREACH ENETUNREACH EHOSTDOWN ETIMEDOUT UND_ERR_CONNECT_TIMEOUT'.split(' '),
);
/** This machine or process has run out of something, or its resolver has. */
const localCodes = new Set('EMFILE ENFILE ENOBUFS ENOMEM EADDRNOTAVAIL EAGAIN EAI_AGAIN'.split(' '));

/**
 * What an error means. Only an address where nobody listens is a `connect`; a request that was never sent because its old
 * connection was just closing is a `reset` of that connection, and says nothing about the replica.
 */
export function readFailure(
  error: Error,
  { sent, reusedSocket, stalled }: { sent: boolean; reusedSocket: boolean; stalled: boolean },
): UpstreamFailure {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const reason = `${code}: ${error.message}`;
  const timedOut = code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT';
  if (localCodes.has(code) || (!sent && timedOut && stalled)) return { kind: 'local', reusedSocket, reason };
  if (!sent && connectCodes.has(code)) return { kind: 'connect', reusedSocket, reason };
  const isProtocol = code.startsWith('HPE_') || error.name === 'HTTPParserError';
  return { kind: sent && isProtocol ? 'protocol' : 'reset', reusedSocket, reason };
}
