import type { StreamReading } from '#shared/contract/stream-stamp.ts';
import type { KubeObject } from '../kube/kube-object.ts';

/** Whose cluster it is, on the namespace of shared parts: the region, and the stream of desired state as it was last read. */
const stampAnnotations = {
  region: 'fairway.dev/region',
  id: 'fairway.dev/stream',
  adoptedAt: 'fairway.dev/stream-adopted',
  lastSeq: 'fairway.dev/stream-sequence',
} as const satisfies Record<keyof StreamReading, string>;

/** The stamp as annotations. */
export function stampOf(reading: StreamReading): Record<string, string> {
  return {
    [stampAnnotations.region]: reading.region,
    [stampAnnotations.id]: reading.id,
    [stampAnnotations.adoptedAt]: String(reading.adoptedAt),
    [stampAnnotations.lastSeq]: String(reading.lastSeq),
  };
}

/** The stamp of a cluster; undefined for one that nobody has worked on. */
export function readClusterStamp(namespace: KubeObject | null): StreamReading | undefined {
  const annotations = namespace?.metadata.annotations ?? {};
  const { [stampAnnotations.region]: region, [stampAnnotations.id]: id } = annotations;
  if (region === undefined || id === undefined) return undefined;
  const number = (name: string): number => Number(annotations[name] ?? 0);
  return { region, id, adoptedAt: number(stampAnnotations.adoptedAt), lastSeq: number(stampAnnotations.lastSeq) };
}
