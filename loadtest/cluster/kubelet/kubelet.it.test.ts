import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { at, type JsonObject } from '../objects/object.ts';
import { readClusterConfig } from '../config.ts';
import { KubeHttp } from '../client/kube-http.ts';
import { startCluster, type Cluster } from '../service.ts';
import { readKubeletConfig } from './config.ts';
import { alive, fieldRef, podsPath, readyPod, standIn, webPod } from '../testing/stand-in-pod.ts';

describe('kubelet', () => {
  let folder: string;
  let cluster: Cluster;
  let kube: KubeHttp;
  const started = endAfterAll();
  beforeAll(async () => {
    folder = await started.folder('fairway-kubelet-');
    const kubelet = {
      FAIRWAY_KUBELET_IMAGES: standIn,
      FAIRWAY_KUBELET_LOG_DIR: folder,
      FAIRWAY_KUBELET_VOLUME_DIR: join(folder, 'volumes'),
      FAIRWAY_KUBELET_BACKOFF_MS: 300,
      FAIRWAY_KUBELET_POD_ENV: { FROM_KUBELET: 'yes' },
    };
    cluster = await started.use(startCluster(readClusterConfig({}), { log: silentLogger(), kubelet }));
    kube = started.keep(new KubeHttp(cluster));
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, data: { upstream: btoa('s3cret') } };
    await kube.send('POST', '/api/v1/namespaces/default/secrets', { body: secret });
  });

  const start = async (pod: object): Promise<void> =>
    expect((await kube.send('POST', podsPath, { body: pod })).code).toBe(201);
  const remove = async (name: string, body: object = {}): Promise<void> => {
    await kube.send('DELETE', `${podsPath}/${name}`, { body });
    await eventually(async () => expect((await kube.send('GET', `${podsPath}/${name}`)).code).toBe(404));
  };
  const waiting = async (name: string, reason: string): Promise<JsonObject> =>
    eventually(async () => {
      const { body } = await kube.send('GET', `${podsPath}/${name}`);
      const statuses = at(body, 'status', 'containerStatuses');
      const first = Array.isArray(statuses) ? statuses[0] : undefined;
      expect(at(first, 'state', 'waiting', 'reason')).toBe(reason);
      return first as JsonObject;
    });

  it('runs a pod as a process with an address, environment, secrets and arguments of its own', async () => {
    await start(webPod('one'));
    const { pod, pid, url } = await readyPod(kube, 'one');
    const { env, argv } = (await (await fetch(url)).json()) as { env: Record<string, string>; argv: string[] };
    const where = url.replace('http://', '');
    expect(env).toMatchObject({ KEY: 's3cret', WHERE: where, FROM_KUBELET: 'yes', POD_IP: at(pod, 'status', 'podIP') });
    expect(env['USER']).toBeUndefined();
    expect(argv.slice(-3)).toEqual(['--at', where, '$(WHERE)']);
    expect(await alive(pid)).toBe(true);
    await remove('one');
    expect(await alive(pid)).toBe(false);
    const log = (await readdir(folder)).find((name) => name.startsWith('default_one_'));
    expect(await readFile(join(folder, log ?? ''), 'utf8')).toContain('asked to end');
  });

  it('gives a pod folders for what it mounts, until it is gone', async () => {
    const mounted = { volumeMounts: [{ name: 'cache', mountPath: '/cache' }], args: ['--in', '/cache/in'] };
    await start(webPod('mounted', mounted, { volumes: [{ name: 'cache', emptyDir: {} }] }));
    const { pod, url } = await readyPod(kube, 'mounted');
    const { argv } = (await (await fetch(url)).json()) as { argv: string[] };
    const own = join(folder, 'volumes', String(at(pod, 'metadata', 'uid')));
    expect(argv.at(-1)).toBe(join(own, 'cache', 'in'));
    expect(await readdir(own)).toEqual(['cache']);
    await remove('mounted');
    await eventually(async () => expect(await readdir(join(folder, 'volumes'))).toEqual([]));
  });

  it('kills what ignores SIGTERM when the grace is over, and not before', async () => {
    await start(webPod('deaf', { args: ['deaf'] }));
    const { pid } = await readyPod(kube, 'deaf');
    const marked = await kube.send('DELETE', `${podsPath}/deaf`, { body: { gracePeriodSeconds: 1 } });
    expect(at(marked.body, 'metadata', 'deletionGracePeriodSeconds')).toBe(1);
    expect(await alive(pid)).toBe(true);
    await eventually(async () => expect((await kube.send('GET', `${podsPath}/deaf`)).code).toBe(404));
    expect(await alive(pid)).toBe(false);
  });

  it('kills at once when a pod is deleted without grace', async () => {
    await start(webPod('forced', { args: ['deaf'] }));
    const { pid } = await readyPod(kube, 'forced');
    await remove('forced', { gracePeriodSeconds: 0 });
    await eventually(async () => expect(await alive(pid)).toBe(false));
  });

  it('sleeps in preStop before it asks the process to end', async () => {
    await start(webPod('slow', { lifecycle: { preStop: { sleep: { seconds: 1 } } } }));
    const { url } = await readyPod(kube, 'slow');
    const begun = performance.now();
    await kube.send('DELETE', `${podsPath}/slow`, { body: {} });
    expect((await fetch(url)).status).toBe(200);
    await eventually(async () => expect((await kube.send('GET', `${podsPath}/slow`)).code).toBe(404));
    expect(performance.now() - begun).toBeGreaterThan(950);
  });

  it('restarts a container with back-off, counts it, and shows the exit code', async () => {
    await start(webPod('fragile'));
    const { url, pid } = await readyPod(kube, 'fragile');
    await fetch(`${url}/exit`).catch(() => {});
    await eventually(async () => expect(await alive(pid)).toBe(false));
    const again = await eventually(async () => {
      const next = await readyPod(kube, 'fragile');
      expect(next.pid).not.toBe(pid);
      return next;
    });
    const statuses = at(again.pod, 'status', 'containerStatuses') as JsonObject[];
    expect(statuses[0]).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 3, reason: 'Error' } } });
    await remove('fragile');

    await start(webPod('crashing', { args: ['crash'] }));
    const status = await waiting('crashing', 'CrashLoopBackOff');
    expect(at(status, 'lastState', 'terminated', 'exitCode')).toBe(7);
    await remove('crashing');
  });

  it('says why a container cannot be made', async () => {
    await start(webPod('unknown', { image: 'somebody/else:1' }));
    expect(at(await waiting('unknown', 'ErrImagePull'), 'state', 'waiting', 'message')).toContain('not in the table');
    const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'no-such', key: 'k' } } }];
    await start(webPod('secretless', { env }));
    await waiting('secretless', 'CreateContainerConfigError');
    await eventually(async () => {
      const { body } = await kube.send('GET', '/api/v1/namespaces/default/events');
      const about = (body['items'] as JsonObject[]).map((event) => at(event, 'involvedObject', 'name'));
      expect(about).toContain('unknown');
    });
    await remove('unknown');
    await remove('secretless');
  });

  it('ends a container whose startup probe fails, and keeps one unready whose readiness probe fails', async () => {
    const failing = { httpGet: { path: '/health', port: 8000 }, periodSeconds: 1, failureThreshold: 1 };
    await start(webPod('never-up', { startupProbe: failing }));
    await waiting('never-up', 'CrashLoopBackOff');
    await remove('never-up');
    await start(webPod('unready', { readinessProbe: failing }));
    await eventually(async () => {
      const { body } = await kube.send('GET', `${podsPath}/unready`);
      expect(at(body, 'status', 'containerStatuses')).toMatchObject([{ started: true, ready: false }]);
    });
    await remove('unready');
  });

  it('leaves a finished pod as it ended when it is not to be restarted', async () => {
    await start(webPod('once', { args: ['crash'] }, { restartPolicy: 'Never' }));
    await eventually(async () => {
      const { body } = await kube.send('GET', `${podsPath}/once`);
      expect(at(body, 'status', 'phase')).toBe('Failed');
    });
    await remove('once');
  });

  it('gives each pod a port where all share an address', async () => {
    const kubelet = { FAIRWAY_KUBELET_IMAGES: standIn, FAIRWAY_KUBELET_ADDRESSES: 'shared' as const };
    await using other = await startCluster(readClusterConfig({}), { log: silentLogger(), kubelet });
    await using client = new KubeHttp(other);
    for (const name of ['a', 'b']) await client.send('POST', podsPath, { body: webPod(name, { env: webEnv }) });
    const [a, b] = [await readyPod(client, 'a'), await readyPod(client, 'b')];
    expect([a.url, b.url].every((url) => url.startsWith('http://127.0.0.1:'))).toBe(true);
    expect(a.url).not.toBe(b.url);
  });

  it('reads its table of images from the environment', () => {
    const config = readKubeletConfig({ FAIRWAY_KUBELET_KUBECONFIG: 'k', FAIRWAY_KUBELET_IMAGES: '{"a":["b"]}' });
    expect(config.FAIRWAY_KUBELET_IMAGES).toEqual({ a: ['b'] });
  });
});

const webEnv = [
  { name: 'POD_IP', ...fieldRef('status.podIP') },
  { name: 'PORT', ...fieldRef("metadata.annotations['fairway.dev/pod-port']") },
];
