import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { at } from '../objects/object.ts';
import {
  annotated,
  causeOf,
  collect,
  core,
  engine,
  enginesPath,
  freshNamespace,
  installFence,
  itemsOf,
  manager,
  meta,
  shown,
} from './contract-lab.ts';
import { KubeHttp, type KubeEndpoint } from '../client/kube-http.ts';

/** A cluster to judge; no kubelet may run in it: the suite plays it. */
export type StartedCluster = KubeEndpoint & AsyncDisposable;

/** What Fairway relies on in Kubernetes. The embedded cluster and a real kube-apiserver must both pass, word by word. */
export function describeKubernetesContract({
  name,
  start,
  describeWorkloads,
}: {
  name: string;
  start: () => Promise<StartedCluster>;
  /** The part about pods; it has a file of its own. */
  describeWorkloads: (kube: () => KubeHttp) => void;
}): void {
  describe(name, { concurrent: true, timeout: 100_000 }, () => {
    let cluster: StartedCluster;
    let kube: KubeHttp;
    const started = endAfterAll();
    beforeAll(async () => {
      cluster = await started.use(start());
      kube = started.keep(new KubeHttp(cluster));
      await installFence(kube);
    });
    describeWrites(() => kube);
    describeFence(() => kube);
    describeDeletes(() => kube);
    describeReads(() => kube);
    describeWorkloads(() => kube);
  });
}

/** A real garbage collector looks for new kinds every 30 s, and a namespace ends in steps of 5 s. */
const slowMs = 80_000;

type Kube = () => KubeHttp;

/** Makes a namespace and gives the path of a ConfigMap in it. */
async function configMap(kube: KubeHttp): Promise<string> {
  return `/api/v1/namespaces/${await freshNamespace(kube)}/configmaps/x`;
}
const data = (content: object, metadata: object = {}): object => core('ConfigMap', 'x', { data: content, metadata });

function describeWrites(kube: Kube): void {
  describe('writes', () => {
    it('refuses an update of a state that has moved on', async () => {
      const path = await configMap(kube());
      const first = await kube().apply(path, data({ a: '1' }), manager);
      await kube().mergePatch(path, { data: { a: '2' } });
      const resourceVersion = meta(first, 'resourceVersion');
      const stale = await kube().send('PUT', path, { body: data({ a: '3' }, { resourceVersion }) });
      expect([stale.code, stale.body['reason']]).toEqual([409, 'Conflict']);
      const applied = await kube().apply(path, data({ a: '3' }, { resourceVersion }), { ...manager, force: 'true' });
      expect([applied.code, applied.body['reason']]).toEqual([409, 'Conflict']);
    });

    it('names manager and field when another manager holds a field, and lets force take it', async () => {
      const path = await configMap(kube());
      await kube().apply(path, data({ a: '1', b: '2' }), { fieldManager: 'first' });
      const refused = await kube().apply(path, data({ a: '9' }), { fieldManager: 'second' });
      expect(refused.code).toBe(409);
      expect(causeOf(refused)).toEqual({
        reason: 'FieldManagerConflict',
        field: '.data.a',
        message: 'conflict with "first"',
      });
      const forced = await kube().apply(path, data({ a: '9' }), { fieldManager: 'second', force: 'true' });
      expect([forced.code, forced.body['data']]).toEqual([200, { a: '9', b: '2' }]);
      const left = await kube().apply(path, data({}), { fieldManager: 'first' });
      expect(left.body['data']).toEqual({ a: '9' });
    });

    it('holds fields of a plain update against a later apply', async () => {
      const path = await configMap(kube());
      await kube().apply(path, data({ a: '1' }), manager);
      await kube().mergePatch(path, { data: { a: '2' } }, { fieldManager: 'by-hand' });
      const refused = await kube().apply(path, data({ a: '1' }), manager);
      expect(causeOf(refused).message).toBe('conflict with "by-hand" using v1');
    });

    it('leaves the resource version alone when an apply changes nothing', async () => {
      const path = await configMap(kube());
      const first = await kube().apply(path, data({ a: '1' }), manager);
      const again = await kube().apply(path, data({ a: '1' }), manager);
      expect([first.code, again.code]).toEqual([201, 200]);
      expect(meta(again, 'resourceVersion')).toBe(meta(first, 'resourceVersion'));
    });

    it('applies only to the object with the given uid', async () => {
      const path = await configMap(kube());
      const absent = await kube().apply(path, data({}, { uid: 'another' }), manager);
      expect([absent.code, absent.body['reason']]).toEqual([409, 'Conflict']);
      const made = await kube().apply(path, data({ a: '1' }), manager);
      const wrong = await kube().apply(path, data({ a: '1' }, { uid: 'another' }), manager);
      expect([wrong.code, causeOf(wrong).field]).toEqual([422, 'metadata.uid']);
      const right = await kube().apply(path, data({ a: '2' }, { uid: meta(made, 'uid') }), manager);
      expect(right.code).toBe(200);
    });

    it('creates with a stale resourceVersion when there is no object: only the uid guards a create', async () => {
      const path = await configMap(kube());
      expect((await kube().apply(path, data({}, { resourceVersion: '5' }), manager)).code).toBe(201);
    });

    it('refuses a second create and a namespace that is not there', async () => {
      const path = await configMap(kube());
      const create = () => kube().send('POST', path.replace(/\/x$/, ''), { body: data({}) });
      expect((await create()).code).toBe(201);
      expect((await create()).body['reason']).toBe('AlreadyExists');
      const nowhere = await kube().apply('/api/v1/namespaces/no-such/configmaps/x', data({}), manager);
      expect([nowhere.code, at(nowhere.body, 'details', 'kind')]).toEqual([404, 'namespaces']);
    });

    it('tests before it changes in a JSON patch', async () => {
      const path = await configMap(kube());
      await kube().apply(path, data({ a: '1' }), manager);
      const contentType = 'application/json-patch+json';
      const patch = (value: string) => [
        { op: 'test', path: '/data/a', value },
        { op: 'remove', path: '/data/a' },
      ];
      expect((await kube().send('PATCH', path, { body: patch('2'), contentType })).code).toBe(422);
      expect((await kube().send('PATCH', path, { body: patch('1'), contentType })).body['data'] ?? {}).toEqual({});
    });

    it('answers 401 to another token', async () => {
      expect((await kube().send('GET', '/api/v1/namespaces', { token: 'wrong' })).code).toBe(401);
    });
  });
}

function describeFence(kube: Kube): void {
  describe('fence', () => {
    const fresh = (): { path: string; name: string } => {
      const name = `e-${crypto.randomUUID().slice(0, 8)}`;
      return { path: `${enginesPath}/${name}`, name };
    };

    it('refuses a custom resource that goes back, with the rule and its field', async () => {
      const { path, name } = fresh();
      expect((await kube().apply(path, engine(name, { intentSeq: 5 }), manager)).code).toBe(201);
      const back = await kube().apply(path, engine(name, { intentSeq: 4 }), { ...manager, force: 'true' });
      expect([back.code, back.body['reason']]).toEqual([422, 'Invalid']);
      expect(causeOf(back)).toMatchObject({ reason: 'FieldValueInvalid', field: 'spec' });
      expect(causeOf(back).message).toContain('intentSeq may not go back');
      expect((await kube().mergePatch(path, { spec: { intentSeq: 3 } })).code).toBe(422);
      expect((await kube().apply(path, engine(name, { intentSeq: 5, endpointId: 'a' }), manager)).code).toBe(200);
      expect((await kube().apply(path, engine(name, { intentSeq: 6, endpointId: 'a' }), manager)).code).toBe(200);
    });

    it('counts generations of the spec only, and keeps spec and status apart', async () => {
      const { path, name } = fresh();
      await kube().apply(path, engine(name, { intentSeq: 1 }), manager);
      const status = { ...engine(name, { intentSeq: 9 }), status: { phase: 'load' } };
      const said = await kube().apply(`${path}/status`, status, { fieldManager: 'reporter' });
      expect([said.code, said.body['spec'], said.body['status']]).toEqual([200, { intentSeq: 1 }, { phase: 'load' }]);
      const next = await kube().apply(path, { ...engine(name, { intentSeq: 2 }), status: { phase: 'x' } }, manager);
      expect([next.body['status'], meta(said, 'generation'), meta(next, 'generation')]).toEqual([
        { phase: 'load' },
        1,
        2,
      ]);
    });

    it('holds custom resources to their schema', async () => {
      const { path, name } = fresh();
      const undeclared = await kube().apply(path, engine(name, { intentSeq: 1, other: 2 }), manager);
      expect([undeclared.code, undeclared.body['message']]).toEqual([
        500,
        expect.stringContaining('.spec.other: field not declared in schema'),
      ]);
      await kube().apply(path, engine(name, { intentSeq: 1 }), manager);
      expect((await kube().mergePatch(path, { spec: { other: 1 } })).body['spec']).toEqual({ intentSeq: 1 });
      const missing = await kube().mergePatch(path, { spec: { intentSeq: null } });
      expect([missing.code, causeOf(missing).field]).toEqual([422, 'spec.intentSeq']);
      const long = await kube().mergePatch(path, { spec: { endpointId: 'x'.repeat(41) } });
      expect([long.code, causeOf(long).field]).toEqual([422, 'spec.endpointId']);
    });

    it('refuses a child whose annotation sinks or goes, by the admission policy', async () => {
      const path = await configMap(kube());
      const write = async (seq?: string) => kube().apply(path, annotated('x', seq), manager);
      expect((await write()).code).toBe(201);
      expect((await write('9')).code).toBe(200);
      const back = await write('8');
      expect([back.code, back.body['reason']]).toEqual([422, 'Invalid']);
      expect(back.body['message']).toContain('fairway.dev/intent-seq may not go back');
      expect((await write()).code).toBe(422);
      expect((await write('not-a-number')).code).toBe(422);
      expect((await write('10')).code).toBe(200);
    });
  });
}

function describeDeletes(kube: Kube): void {
  describe('deletes', () => {
    it('deletes only the object, and the state, that the preconditions name', async () => {
      const path = await configMap(kube());
      const made = await kube().apply(path, data({}), manager);
      const remove = (preconditions: object) => kube().send('DELETE', path, { body: { preconditions } });
      const uid = meta(made, 'uid');
      expect((await remove({ uid: 'another' })).body['reason']).toBe('Conflict');
      expect((await remove({ uid, resourceVersion: '1' })).code).toBe(409);
      expect((await remove({ uid, resourceVersion: meta(made, 'resourceVersion') })).code).toBe(200);
      expect((await remove({ uid })).code).toBe(404);
    });

    it('keeps an object until its finalizers are gone, and takes no new ones', async () => {
      const path = await configMap(kube());
      await kube().apply(path, data({}, { finalizers: ['fairway.dev/first'] }), manager);
      const marked = await kube().send('DELETE', path, { body: {} });
      expect([marked.code, typeof meta(marked, 'deletionTimestamp')]).toEqual([200, 'string']);
      const more = await kube().mergePatch(path, {
        metadata: { finalizers: ['fairway.dev/first', 'fairway.dev/new'] },
      });
      expect([more.code, causeOf(more).field]).toEqual([422, 'metadata.finalizers']);
      expect((await kube().send('GET', path)).code).toBe(200);
      expect((await kube().apply(path, data({}), manager)).code).toBe(200);
      expect((await kube().send('GET', path)).code).toBe(404);
    });

    it('takes what a deleted owner owned, also from the cluster into a namespace', async () => {
      const name = `e-${crypto.randomUUID().slice(0, 8)}`;
      const owner = await kube().apply(`${enginesPath}/${name}`, engine(name, { intentSeq: 1 }), manager);
      const { apiVersion, kind } = owner.body;
      const ownerReferences = [{ apiVersion, kind, name, uid: meta(owner, 'uid') }];
      const child = await configMap(kube());
      await kube().apply(child, data({}, { ownerReferences }), manager);
      const space = `/api/v1/namespaces/owned-${name}`;
      await kube().apply(space, core('Namespace', `owned-${name}`, { metadata: { ownerReferences } }), manager);
      await kube().send('DELETE', `${enginesPath}/${name}`, { body: { propagationPolicy: 'Background' } });
      const gone = async (path: string) => expect((await kube().send('GET', path)).code).toBe(404);
      await eventually(() => gone(child), { timeoutMs: slowMs });
      await eventually(() => gone(space), { timeoutMs: slowMs });
    });

    it('keeps the owner until what blocks it is gone, in a foreground delete', async () => {
      const path = await configMap(kube());
      const owner = await kube().apply(path, data({}), manager);
      const { apiVersion, kind } = owner.body;
      const reference = { apiVersion, kind, name: 'x', uid: meta(owner, 'uid'), blockOwnerDeletion: true };
      const child = path.replace(/x$/, 'child');
      const metadata = { ownerReferences: [reference], finalizers: ['fairway.dev/hold'] };
      await kube().apply(child, core('ConfigMap', 'child', { metadata }), manager);
      await kube().send('DELETE', path, { body: { propagationPolicy: 'Foreground' } });
      await eventually(async () =>
        expect(typeof meta(await kube().send('GET', child), 'deletionTimestamp')).toBe('string'),
      );
      expect(meta(await kube().send('GET', path), 'finalizers')).toEqual(['foregroundDeletion']);
      await kube().mergePatch(child, { metadata: { finalizers: null } });
      await eventually(async () => expect((await kube().send('GET', path)).code).toBe(404));
    });

    it('lets nothing new into a namespace that ends, and ends it when it is empty', async () => {
      const path = await configMap(kube());
      const space = path.replace('/configmaps/x', '');
      await kube().apply(path, data({}, { finalizers: ['fairway.dev/hold'] }), manager);
      const marked = await kube().send('DELETE', space, { body: {} });
      expect(at(marked.body, 'status', 'phase')).toBe('Terminating');
      const late = await kube().apply(path.replace(/x$/, 'late'), core('ConfigMap', 'late'), manager);
      expect([late.code, causeOf(late).reason]).toEqual([403, 'NamespaceTerminating']);
      await eventually(async () =>
        expect(typeof meta(await kube().send('GET', path), 'deletionTimestamp')).toBe('string'),
      );
      await kube().mergePatch(path, { metadata: { finalizers: null } });
      await eventually(async () => expect((await kube().send('GET', space)).code).toBe(404), { timeoutMs: slowMs });
    });
  });
}

function describeReads(kube: Kube): void {
  describe('lists and watches', () => {
    const label = (name: string, app: string): object => core('ConfigMap', name, { metadata: { labels: { app } } });

    it('lists by label and field, in pages of one consistent state', async () => {
      const folder = (await configMap(kube())).replace('/x', '');
      for (const name of ['a', 'b', 'c']) await kube().apply(`${folder}/${name}`, label(name, name), manager);
      const names = async (query: Record<string, string>) =>
        (await itemsOf(kube(), folder, query)).map((item) => at(item, 'metadata', 'name'));
      expect(await names({ labelSelector: 'app=b' })).toEqual(['b']);
      expect(await names({ labelSelector: 'app in (a, c)' })).toEqual(['a', 'c']);
      expect(await names({ fieldSelector: 'metadata.name=c' })).toEqual(['c']);
      const selector = { labelSelector: 'app', limit: '2' };
      const first = await kube().send('GET', folder, { query: selector });
      await kube().send('DELETE', `${folder}/c`, { body: {} });
      const next = String(meta(first, 'continue'));
      const second = await kube().send('GET', folder, { query: { ...selector, continue: next } });
      expect([first, second].map(({ body }) => (body['items'] as unknown[]).length)).toEqual([2, 1]);
      expect(meta(second, 'resourceVersion')).toBe(meta(first, 'resourceVersion'));
    });

    it('watches from a revision on, with objects that enter and leave the selection', async () => {
      const folder = (await configMap(kube())).replace('/x', '');
      const list = await kube().send('GET', folder);
      const resourceVersion = String(meta(list, 'resourceVersion'));
      await kube().apply(`${folder}/a`, label('a', 'one'), manager);
      await kube().apply(`${folder}/a`, label('a', 'two'), manager);
      await kube().apply(`${folder}/a`, label('a', 'one'), manager);
      await kube().mergePatch(`${folder}/a`, { data: { k: 'v' } });
      await kube().send('DELETE', `${folder}/a`, { body: {} });
      const query = { resourceVersion, labelSelector: 'app=one', timeoutSeconds: '10' };
      const seen = await collect(kube().watch(folder, { query }), (events) => events.length === 5);
      expect(seen.map(shown)).toEqual(['ADDED a', 'DELETED a', 'ADDED a', 'MODIFIED a', 'DELETED a']);
      const versions = seen.map(({ object }) => Number(at(object, 'metadata', 'resourceVersion')));
      expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    });

    it('gives the initial state and its end mark on request, and a bookmark before the time is up', async () => {
      const folder = (await configMap(kube())).replace('/x', '');
      await kube().apply(`${folder}/a`, label('a', 'one'), manager);
      const query = {
        labelSelector: 'app=one',
        sendInitialEvents: 'true',
        resourceVersionMatch: 'NotOlderThan',
        allowWatchBookmarks: 'true',
        timeoutSeconds: '4',
      };
      const seen = await collect(kube().watch(folder, { query }), () => false);
      expect(seen.slice(0, 2).map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
      expect(at(seen[1]?.object, 'metadata', 'annotations')).toMatchObject({ 'k8s.io/initial-events-end': 'true' });
      expect(seen.length).toBeGreaterThan(2);
      expect(seen.at(-1)?.type).toBe('BOOKMARK');
    });

    it('says 410 to a watch from a compacted revision, within the stream', async () => {
      const [first] = await collect(kube().watch(enginesPath, { query: { resourceVersion: '1' } }), () => true);
      expect([first?.type, at(first?.object, 'code'), at(first?.object, 'reason')]).toEqual(['ERROR', 410, 'Expired']);
    });

    it('says 504 to a list from a revision that is still to come', async () => {
      const early = await kube().send('GET', enginesPath, { query: { resourceVersion: '999999999' } });
      expect([early.code, causeOf(early).reason]).toEqual([504, 'ResourceVersionTooLarge']);
    });
  });
}
