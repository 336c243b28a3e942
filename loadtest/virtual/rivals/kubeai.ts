import type { Work } from '../../../router/pick/picker.ts';
import { hashText } from '../../../router/scan/hash64.ts';
import type { RivalRule } from './rival.ts';

/** Places of each replica on the ring, and load of one replica beside the mean. */
const [placesPerReplica, loadFactor] = [256, 1.25] as const;

/**
 * Consistent hashing with bounded loads as KubeAI does it (Mirrokni, Thorup, Zadimoghaddam 2016; KubeAI's documentation of
 * `PrefixHash`: 256 places each, load up to 125 % of the mean with the new request). Keyed by the first 100 characters of
 * the prompt, which are the system prompt's, or by the session.
 */
export function kubeai(replicas: readonly string[], key: 'prefix' | 'session'): RivalRule {
  const ring = replicas
    .flatMap((id) => Array.from({ length: placesPerReplica }, (_, i) => ({ id, at: hashText(`${id}${i}`, 0n) })))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1));
  return (work, views) => {
    const bound = (loadFactor * (views.reduce((sum, { inFlight }) => sum + inFlight, 0) + 1)) / views.length;
    const hasRoom = new Set(views.filter(({ inFlight }) => inFlight + 1 <= bound).map(({ id }) => id));
    const at = keyOf(work, key);
    const first = ring.findIndex((place) => place.at >= at);
    for (let i = 0; i < ring.length; i++) {
      const place = ring[(Math.max(0, first) + i) % ring.length];
      if (place !== undefined && hasRoom.has(place.id)) return place.id;
    }
    return views.toSorted((a, b) => a.inFlight - b.inFlight)[0]?.id;
  };
}

function keyOf({ session, prompt }: Work, key: 'prefix' | 'session'): bigint {
  return hashText(key === 'session' ? (session ?? '') : String(prompt.keys[1] ?? 0n), 0n);
}
