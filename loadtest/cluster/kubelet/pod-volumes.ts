import { join } from 'node:path';
import { at, type Json } from '../objects/object.ts';
import type { Container, Pod } from '../objects/workloads.ts';

/**
 * The folder of this machine, below `root`, that stands for each of a container's mounts, by the path in the container. A
 * volume in memory has none: what it is for, such as /dev/shm, the machine has itself. Pure.
 */
export function mountsOf(pod: Pod, container: Container, root: string): Record<string, string> {
  const volumes = list(pod.spec['volumes']);
  const mounts = list(container['volumeMounts'] as Json | undefined).flatMap((mount): [string, string][] => {
    const [name, mountPath] = [at(mount, 'name'), at(mount, 'mountPath')];
    const volume = volumes.find((one) => at(one, 'name') === name);
    if (typeof name !== 'string' || typeof mountPath !== 'string') return [];
    if (at(volume, 'emptyDir') === undefined || at(volume, 'emptyDir', 'medium') === 'Memory') return [];
    return [[mountPath, join(podFolder(pod, root), name)]];
  });
  return Object.fromEntries(mounts);
}

/** Where everything that a pod mounts lies. */
export function podFolder({ metadata }: Pod, root: string): string {
  return join(root, metadata.uid ?? metadata.name);
}

/** An argument or a variable with the machine's own path in it, where it is, or is a flag's value of, a path in a mount. */
export function onMachine(text: string, mounts: Record<string, string>): string {
  const [path = '', flag = ''] = text.split(/(?<=^--?[\w-]+=)/).toReversed();
  for (const [mountPath, folder] of Object.entries(mounts))
    if (path === mountPath || path.startsWith(`${mountPath}/`)) return flag + folder + path.slice(mountPath.length);
  return text;
}

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}
