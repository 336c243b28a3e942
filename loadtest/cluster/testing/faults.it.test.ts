import { beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { at, type JsonObject } from '../objects/object.ts';
import { readClusterConfig } from '../config.ts';
import { collect, core, engine, engineCrd, gpuDeployment, itemsOf, manager, meta, shown } from './contract-lab.ts';
import { KubeHttp } from '../client/kube-http.ts';
import { startCluster, type Cluster } from '../service.ts';

const folder = '/api/v1/namespaces/default/configmaps';

/** What only the embedded cluster does: failures on demand, and a loud no to what it does not serve. */
describe('embedded cluster', () => {
  let cluster: Cluster;
  let kube: KubeHttp;
  const started = endAfterAll();
  beforeAll(async () => {
    const env = { FAIRWAY_CLUSTER_KUBELET: 'off', FAIRWAY_CLUSTER_BOOKMARK_MS: '50' };
    cluster = await started.use(startCluster(readClusterConfig(env), { log: silentLogger() }));
    kube = started.keep(new KubeHttp(cluster));
  });

  const fault = async (body: object): Promise<JsonObject> => {
    const answer = await kube.send('POST', '/fairway/faults', { body });
    expect(answer.code).toBe(200);
    return answer.body;
  };
  const write = async (name: string): Promise<void> =>
    expect((await kube.apply(`${folder}/${name}`, core('ConfigMap', name), manager)).code).toBeLessThan(300);

  describe('faults', () => {
    it('cuts watches without a word, and lets them resume where they were', async () => {
      const resourceVersion = String(meta(await kube.send('GET', folder), 'resourceVersion'));
      const cut = collect(kube.watch(folder, { query: { resourceVersion } }), () => false);
      await eventually(async () => expect(await fault({ do: 'drop-watches' })).toEqual({ dropped: 1 }));
      await expect(cut).rejects.toThrow();
      await write('after-the-cut');
      const [seen] = await collect(kube.watch(folder, { query: { resourceVersion } }), () => true);
      expect(seen && shown(seen)).toBe('ADDED after-the-cut');
    });

    it('shows old lists where a client allows a cache, and new ones where it does not', async () => {
      await fault({ do: 'freeze-lists', plural: 'configmaps' });
      await write('unseen');
      const names = async (query: Record<string, string>): Promise<unknown[]> =>
        (await itemsOf(kube, folder, query)).map((item) => at(item, 'metadata', 'name'));
      expect(await names({ resourceVersion: '0' })).not.toContain('unseen');
      expect(await names({})).toContain('unseen');
      await fault({ do: 'clear' });
      expect(await names({ resourceVersion: '0' })).toContain('unseen');
    });

    it('forgets its history: 410 for watches and pages that are behind', async () => {
      await write('a');
      await write('b');
      const first = await kube.send('GET', folder, { query: { limit: '1' } });
      await write('c');
      await fault({ do: 'compact' });
      const query = { limit: '1', continue: String(meta(first, 'continue')) };
      expect((await kube.send('GET', folder, { query })).code).toBe(410);
      const resourceVersion = String(meta(first, 'resourceVersion'));
      const [event] = await collect(kube.watch(folder, { query: { resourceVersion } }), () => true);
      expect([event?.type, at(event?.object, 'code')]).toEqual(['ERROR', 410]);
    });

    it('loses an answer after the write took effect', async () => {
      await fault({ do: 'lose-answer', method: 'PATCH', count: 1 });
      await expect(kube.apply(`${folder}/lost`, core('ConfigMap', 'lost'), manager)).rejects.toThrow();
      expect((await kube.send('GET', `${folder}/lost`)).code).toBe(200);
    });

    it('resets and refuses as often as planned, and says when to come back', async () => {
      await fault({ do: 'reset', method: 'GET', path: folder });
      await expect(kube.send('GET', folder)).rejects.toThrow();
      await fault({ do: 'fail', status: 429, count: 2 });
      const codes = [];
      for (let turn = 0; turn < 3; turn += 1) codes.push((await kube.send('GET', folder)).code);
      expect(codes).toEqual([429, 429, 200]);
      expect((await kube.send('POST', '/fairway/faults', { body: { do: 'magic' } })).code).toBe(400);
    });

    it('sends bookmarks while nothing happens', async () => {
      const query = {
        allowWatchBookmarks: 'true',
        resourceVersion: String(meta(await kube.send('GET', folder), 'resourceVersion')),
      };
      const [event] = await collect(kube.watch(folder, { query }), () => true);
      expect(event?.type).toBe('BOOKMARK');
    });
  });

  describe('what it does not serve', () => {
    const refused = async (
      method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
      path: string,
      request: object,
    ): Promise<void> => {
      const answer = await kube.send(method, path, request);
      expect([answer.code, answer.body['reason']]).toEqual([501, 'NotImplemented']);
      expect(answer.body['message']).toContain('The embedded cluster does not do this');
    };
    const deployments = '/apis/apps/v1/namespaces/default/deployments';
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

    it.each([
      ['a label selector', { labelSelector: 'a!=b' }],
      ['a negative label selector', { labelSelector: 'a notin (b)' }],
      ['a field selector', { fieldSelector: 'spec.nodeName=a' }],
      ['an exact old state', { resourceVersion: '1001', resourceVersionMatch: 'Exact' }],
      ['a dry run', { dryRun: 'All' }],
    ])('%s', async (_what, query) => refused('GET', folder, { query }));

    it('verbs, patch types and subresources', async () => {
      await write('x');
      await refused('DELETE', folder, {});
      await refused('GET', '/api/v1/namespaces/default/pods/x/log', {});
      const contentType = 'application/strategic-merge-patch+json';
      await refused('PATCH', `${folder}/x`, { body: {}, contentType });
      await refused('DELETE', `${folder}/x`, { body: { propagationPolicy: 'Orphan' } });
    });

    it('parts of a pod that would have an effect elsewhere, and rollouts in place', async () => {
      const base = gpuDeployment('d', 'lab', { replicas: 0, gpus: 1 }) as { spec: { template: { spec: object } } };
      const withPod = (fields: object): object => ({
        ...base,
        spec: { ...base.spec, template: { ...base.spec.template, spec: { ...base.spec.template.spec, ...fields } } },
      });
      await refused('POST', deployments, { body: withPod({ affinity: {} }) });
      await refused('POST', deployments, { body: withPod({ initContainers: [] }) });
      await refused('POST', deployments, { body: withPod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }) });
      expect((await kube.apply(`${deployments}/d`, base, manager)).code).toBe(201);
      const contentType = 'application/apply-patch+yaml';
      const request = { body: withPod({ terminationGracePeriodSeconds: 1 }), contentType, query: manager };
      await refused('PATCH', `${deployments}/d`, request);
    });

    it('CEL texts and schema keywords that it does not know', async () => {
      const [version] = engineCrd.spec.versions;
      const withSpec = (fields: object): object => {
        const { spec, status } = version?.schema.openAPIV3Schema.properties ?? {};
        const properties = { spec: { ...spec, ...fields }, status };
        const versions = [{ ...version, schema: { openAPIV3Schema: { type: 'object', properties } } }];
        return { ...engineCrd, spec: { ...engineCrd.spec, versions } };
      };
      const rule = [{ rule: 'self.intentSeq > oldSelf.intentSeq', message: 'no' }];
      await refused('POST', crds, { body: withSpec({ 'x-kubernetes-validations': rule }) });
      await refused('POST', crds, { body: withSpec({ oneOf: [] }) });
    });

    it('nothing about a custom resource before its definition, and after it', async () => {
      const path = '/apis/contract.fairway.dev/v1/engines';
      expect((await kube.send('GET', path)).code).toBe(404);
      await kube.send('POST', crds, { body: engineCrd });
      expect((await kube.send('POST', path, { body: engine('e', { intentSeq: 1 }) })).code).toBe(201);
      await kube.send('DELETE', `${crds}/engines.contract.fairway.dev`, { body: {} });
      await eventually(async () => expect((await kube.send('GET', path)).code).toBe(404));
      await kube.send('POST', crds, { body: engineCrd });
      expect(await itemsOf(kube, path)).toEqual([]);
    });
  });
});
