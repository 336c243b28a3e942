import { pause, type Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { at, type JsonObject } from '../objects/object.ts';
import type { Pod } from '../objects/workloads.ts';
import type { KubeHttp } from '../client/kube-http.ts';

/** What the kubelet hears of pods. Both are called for states already known, too. */
export interface PodListener {
  seen: (pod: Pod) => void;
  gone: (uid: string) => void;
}

export interface PodSourceOptions {
  kube: KubeHttp;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}

const pauseMs = 250;
const watchSeconds = '240';
/** A watch that says nothing for this long is taken for dead; bookmarks come every minute. */
const silenceMs = 150_000;

/** Lists and watches all pods until the signal aborts; an API server that is away is waited for, for ever. */
export async function followPods(options: PodSourceOptions, listener: PodListener): Promise<void> {
  const { clock, log, signal } = options;
  const known = new Set<string>();
  while (!signal.aborted) {
    try {
      await listAndWatch(options, known, listener);
    } catch (error) {
      if (!signal.aborted) log.info({ why: String(error) }, 'kubelet.api_away');
    }
    await pause(clock, pauseMs, signal);
  }
}

async function listAndWatch(options: PodSourceOptions, known: Set<string>, listener: PodListener): Promise<void> {
  const { kube, signal } = options;
  const { code, body } = await kube.send('GET', '/api/v1/pods', { signal });
  if (code !== 200) throw new Error(`listing pods: ${code} ${String(body['message'])}`);
  const pods = (body['items'] ?? []) as Pod[];
  const listed = new Set(pods.map(uidOf));
  for (const uid of known) if (!listed.has(uid)) listener.gone(uid);
  known.clear();
  for (const pod of pods) {
    known.add(uidOf(pod));
    listener.seen(pod);
  }
  await watch(options, String(at(body, 'metadata', 'resourceVersion')), { known, listener });
}

async function watch(
  { kube, signal }: PodSourceOptions,
  resourceVersion: string,
  { known, listener }: { known: Set<string>; listener: PodListener },
): Promise<void> {
  const silent = new AbortController();
  const query = { resourceVersion, allowWatchBookmarks: 'true', timeoutSeconds: watchSeconds };
  let timer = setTimeout(() => silent.abort(), silenceMs);
  try {
    const request = { query, signal: AbortSignal.any([signal, silent.signal]) };
    for await (const { type, object } of kube.watch('/api/v1/pods', request)) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), silenceMs);
      if (type === 'ERROR') return;
      if (type === 'BOOKMARK') continue;
      const pod = object as Pod;
      known[type === 'DELETED' ? 'delete' : 'add'](uidOf(pod));
      if (type === 'DELETED') listener.gone(uidOf(pod));
      else listener.seen(pod);
    }
  } finally {
    clearTimeout(timer);
  }
}

export const uidOf = (pod: JsonObject): string => String(at(pod, 'metadata', 'uid'));
