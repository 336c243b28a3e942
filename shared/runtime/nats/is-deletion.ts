/** Headers as the client gives them, of a delivered and of a read message alike. */
interface Headers {
  get(name: string): string;
  has(name: string): boolean;
}

/**
 * True for a message that says that its subject has no document: a delete or purge of a key-value bucket, or the mark that
 * the server leaves for what expired. Source: nats-server ADR-8 (`KV-Operation`), ADR-48 (`Nats-Marker-Reason`).
 */
export function isDeletion(headers: Headers | undefined): boolean {
  const operation = headers?.get('KV-Operation');
  return operation === 'PURGE' || operation === 'DEL' || headers?.has('Nats-Marker-Reason') === true;
}
