import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { killChild } from '#shared/testing/process-signals.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { at, type JsonObject } from '../objects/object.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { KubeHttp } from '../client/kube-http.ts';
import { alive, podsPath, readyPod, standIn, webPod } from './stand-in-pod.ts';

/** API server and kubelet as two processes, each killed without warning. */
describe('a killed process', () => {
  const started = endAfterEach();
  let folder: string;
  let api: ChildProcess;
  let kubelet: ChildProcess;
  let kube: KubeHttp;

  const start = (file: string): ChildProcess =>
    started.child(
      spawn(process.execPath, [join(import.meta.dirname, '..', file)], {
        stdio: 'ignore',
        env: {
          ...process.env,
          FAIRWAY_CLUSTER_STATE_DIR: folder,
          FAIRWAY_CLUSTER_KUBELET: 'off',
          FAIRWAY_KUBELET_KUBECONFIG: join(folder, 'kubeconfig'),
          FAIRWAY_KUBELET_IMAGES: JSON.stringify(standIn),
          FAIRWAY_KUBELET_NODES: '1',
          FAIRWAY_KUBELET_BACKOFF_MS: '100',
        },
      }),
    );
  const answering = async (): Promise<void> =>
    eventually(async () => expect((await kube.send('GET', '/api/v1/namespaces')).code).toBe(200));

  beforeEach(async () => {
    folder = await started.folder('fairway-survival-');
    api = start('main.ts');
    kube = started.keep(new KubeHttp(await eventually(() => readKubeconfig(join(folder, 'kubeconfig')))));
    await answering();
    kubelet = start('kubelet/main.ts');
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, data: { upstream: btoa('k') } };
    await kube.send('POST', '/api/v1/namespaces/default/secrets', { body: secret });
    await kube.send('POST', podsPath, { body: webPod('web') });
  });

  it('API server: loses no acknowledged write, comes back where it was, and its pods never notice', async () => {
    const { pid, url, pod } = await readyPod(kube, 'web');
    const acknowledged = new Set<string>();
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let number = 0; ; number += 1) {
        const name = `w-${writer}-${number}`;
        const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
        const { code } = await kube.send('POST', '/api/v1/namespaces/default/configmaps', { body });
        if (code === 201) acknowledged.add(name);
      }
    });
    const ended = Promise.allSettled(writers);
    await eventually(() => expect(acknowledged.size).toBeGreaterThan(500));
    await killChild(api);
    await ended;
    expect((await fetch(url)).status).toBe(200);
    api = start('main.ts');
    await answering();

    const { body } = await kube.send('GET', '/api/v1/namespaces/default/configmaps');
    const names = (body['items'] as JsonObject[]).map((item) => String(at(item, 'metadata', 'name')));
    expect([...acknowledged].filter((name) => !names.includes(name))).toEqual([]);
    const versions = (body['items'] as JsonObject[]).map((item) => Number(at(item, 'metadata', 'resourceVersion')));
    expect(Number(at(body, 'metadata', 'resourceVersion'))).toBeGreaterThanOrEqual(Math.max(...versions));
    const after = await readyPod(kube, 'web');
    expect([after.pid, at(after.pod, 'metadata', 'uid')]).toEqual([pid, at(pod, 'metadata', 'uid')]);
    const made = await kube.send('POST', podsPath, { body: webPod('later') });
    expect(made.code).toBe(201);
    await readyPod(kube, 'later');
    await kube.send('DELETE', `${podsPath}/web`, { body: {} });
    await eventually(async () => expect(await alive(pid)).toBe(false));
  });

  it('kubelet: takes its pods with it, and starts them again when it is back', async () => {
    const { pid } = await readyPod(kube, 'web');
    await killChild(kubelet);
    await eventually(async () => expect(await alive(pid)).toBe(false));
    kubelet = start('kubelet/main.ts');
    const again = await eventually(async () => {
      const next = await readyPod(kube, 'web');
      expect(next.pid).not.toBe(pid);
      return next;
    });
    expect(at(again.pod, 'status', 'containerStatuses')).toMatchObject([{ restartCount: 1 }]);
    expect((await fetch(again.url)).status).toBe(200);
  });
});
