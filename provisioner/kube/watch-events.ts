import { KubeError, kubeErrorFromStatus } from './kube-error.ts';
import { isKubeObject, type KubeObject } from './kube-object.ts';

/** One line of a watch. A BOOKMARK carries nothing but a newer resource version. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: KubeObject;
}

const newline = 0x0a;

/**
 * Cuts a stream of bytes into watch events, however the bytes are split. What follows the last newline is dropped:
 * the server ended in the middle of an event, and a new watch from the last seen version brings it again.
 * @throws KubeError of the Status inside an ERROR event; `BadResponse` for a line that is no event or is over the bound.
 */
export async function* readWatchEvents(
  chunks: AsyncIterable<Uint8Array>,
  eventBytesMax: number,
): AsyncGenerator<WatchEvent, void, undefined> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      const line = Buffer.concat([...held, chunk.subarray(from, end)]).toString('utf8');
      held = [];
      heldBytes = 0;
      from = end + 1;
      if (line.trim() !== '') yield parseEvent(line);
    }
    held.push(chunk.subarray(from));
    heldBytes += chunk.length - from;
    if (heldBytes > eventBytesMax) throw badEvent(`an event is larger than ${eventBytesMax} bytes`);
  }
}

function parseEvent(line: string): WatchEvent {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line);
  } catch (cause) {
    throw badEvent('a line is not JSON', cause);
  }
  const { type, object } = event ?? {};
  if (type === 'ERROR') throw kubeErrorFromStatus({ what: 'watch', httpStatus: 500, body: object });
  const known = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK';
  if (known && isKubeObject(object)) return { type, object };
  throw badEvent(`a line is not a watch event (type ${String(type)})`);
}

function badEvent(why: string, cause?: unknown): KubeError {
  return new KubeError({ status: 0, reason: 'BadResponse', message: `watch: ${why}`, cause });
}
