import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { kinds } from './kinds.ts';
import type { KubeClient, KubeClientOptions } from './kube-client.ts';
import * as errors from './kube-error.ts';
import type { KubeObject } from './kube-object.ts';
import type { Change } from './object-store.ts';
import { startReflector } from './reflector.ts';
import { WroteAt } from './wrote-at.ts';

/** A cluster to run the suite against. */
export interface RunningCluster extends AsyncDisposable {
  connect(options: KubeClientOptions): Promise<KubeClient>;
}

/** What the provisioner relies on at any API server; each implementation of one runs it. */
export function describeKubeClient(name: string, start: () => Promise<RunningCluster>): void {
  describe(`the Kubernetes client on ${name}`, () => {
    const started = endAfterAll();
    const namespace = `kube-client-${randomUUID().slice(0, 8)}`;
    let client: KubeClient;
    let other: KubeClient;

    beforeAll(async () => {
      const cluster = await started.use(start());
      client = await started.use(cluster.connect({ pageSize: 2 }));
      other = await started.use(cluster.connect({ fieldManager: 'somebody-else' }));
      await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await client.apply(fencedDefinition);
      // The deleted object that the suite leaves would keep the namespace.
      started.defer(() =>
        client.patch(kinds.namespace, { name: namespace }, { patch: { metadata: { finalizers: null } } }),
      );
    }, 60_000);

    const configMap = (of: string, value: string, labels?: Record<string, string>): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: of, namespace, ...(labels !== undefined && { labels }) },
      data: { value },
    });
    const inference = (of: string, intentSeq: number): KubeObject => ({
      apiVersion: 'fairway.dev/v1',
      kind: 'DedicatedInference',
      metadata: { name: of },
      spec: { intentSeq },
    });
    const version = (object: KubeObject): string => object.metadata.resourceVersion ?? '';
    const uid = (object: KubeObject): string => object.metadata.uid ?? '';
    const failure = (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'no error',
        (error: unknown) => error,
      );

    test('creates once, reads it, and says when it is not there', async () => {
      const created = await client.create(configMap('create', '1'));
      expect(await client.get(kinds.configMap, { namespace, name: 'create' })).toEqual(created);
      expect(errors.isAlreadyExists(await failure(client.create(configMap('create', '1'))))).toBe(true);
      expect(errors.isNotFound(await failure(client.get(kinds.configMap, { namespace, name: 'nothing' })))).toBe(true);
    });

    test('an apply without a change leaves the version', async () => {
      const first = await client.apply(configMap('no-op', '1'));
      expect(version(await client.apply(configMap('no-op', '1')))).toBe(version(first));
      expect(version(await client.apply(configMap('no-op', '2')))).not.toBe(version(first));
    });

    test('an apply drops fields that the new intent has no more', async () => {
      await client.apply(configMap('owned', '1', { a: 'b' }));
      expect((await client.apply(configMap('owned', '1'))).metadata.labels ?? {}).toEqual({});
    });

    test('a field of another manager is a conflict that names it, unless forced', async () => {
      await client.apply(configMap('contested', '1'));
      const error = await failure(other.apply(configMap('contested', '2'), { force: false }));
      expect(errors.isFieldManagerConflict(error)).toBe(true);
      expect(errors.isPreconditionFailed(error)).toBe(false);
      expect(error).toMatchObject({ details: { causes: [{ field: '.data.value' }] } });
      expect(await other.apply(configMap('contested', '2'))).toMatchObject({ data: { value: '2' } });
    });

    test('an apply with a uid changes that object only, and never creates', async () => {
      const live = await client.apply(configMap('with-uid', '1'));
      expect(await client.apply(configMap('with-uid', '2'), { uid: uid(live) })).toMatchObject({
        data: { value: '2' },
      });
      const others = await failure(client.apply(configMap('with-uid', '3'), { uid: randomUUID() }));
      expect(errors.isPreconditionFailed(others)).toBe(true);
      const gone = await failure(client.apply(configMap('with-uid-gone', '1'), { uid: uid(live) }));
      expect(errors.isPreconditionFailed(gone)).toBe(true);
    });

    test('an apply with an older resourceVersion is refused', async () => {
      const old = await client.apply(configMap('with-version', '1'));
      await client.apply(configMap('with-version', '2'));
      const error = await failure(client.apply(configMap('with-version', '3'), { resourceVersion: version(old) }));
      expect(errors.isPreconditionFailed(error)).toBe(true);
    });

    test('a delete with the wrong uid or version deletes nothing', async () => {
      const live = await client.apply(configMap('delete', '1'));
      const target = { namespace, name: 'delete' };
      const newer = await client.apply(configMap('delete', '2'));
      for (const preconditions of [{ uid: randomUUID() }, { uid: uid(live), resourceVersion: version(live) }])
        expect(
          errors.isPreconditionFailed(await failure(client.delete(kinds.configMap, target, { preconditions }))),
        ).toBe(true);
      const preconditions = { uid: uid(live), resourceVersion: version(newer) };
      expect(await client.delete(kinds.configMap, target, { preconditions })).toBeUndefined();
      expect(errors.isNotFound(await failure(client.delete(kinds.configMap, target, { preconditions })))).toBe(true);
    });

    test('lists in pages by label, every item with its kind', async () => {
      for (const of of ['1', '2', '3', '4', '5']) await client.apply(configMap(`page-${of}`, of, { page: 'yes' }));
      const { items } = await client.list(kinds.configMap, { namespace, labelSelector: 'page=yes' });
      expect(items.map((item) => `${item.apiVersion} ${item.kind} ${item.metadata.name}`).toSorted()).toEqual(
        ['1', '2', '3', '4', '5'].map((of) => `v1 ConfigMap page-${of}`),
      );
    });

    test('the fence refuses a lower intentSeq, and status does not touch spec or generation', async () => {
      const live = await eventually(() => client.apply(inference(namespace, 5)));
      const error = await failure(client.apply(inference(namespace, 4)));
      expect(errors.isInvalid(error)).toBe(true);
      expect((error as Error).message).toContain('intentSeq may not go back');
      const { spec: _, ...withoutSpec } = inference(namespace, 0);
      const after = await client.applyStatus({ ...withoutSpec, status: { phase: 'warm' } });
      expect(after).toMatchObject({ spec: { intentSeq: 5 }, status: { phase: 'warm' } });
      expect(after.metadata.generation).toBe(live.metadata.generation);
      const patched = await client.patch(
        kinds.dedicatedInference,
        { name: namespace },
        { patch: { metadata: { annotations: { a: 'b' } } } },
      );
      expect(patched.metadata.annotations).toMatchObject({ a: 'b' });
      await client.delete(kinds.dedicatedInference, { name: namespace }, { preconditions: { uid: uid(live) } });
    });

    test('a watch tells what happened after a version, in order', async () => {
      const labelSelector = 'watch=yes';
      const { resourceVersion } = await client.list(kinds.configMap, { namespace, labelSelector });
      const live = await client.apply(configMap('watched', '1', { watch: 'yes' }));
      await client.apply(configMap('watched', '2', { watch: 'yes' }));
      await client.delete(kinds.configMap, { namespace, name: 'watched' }, { preconditions: { uid: uid(live) } });
      const seen: string[] = [];
      for await (const event of client.watch(kinds.configMap, {
        namespace,
        labelSelector,
        resourceVersion,
        timeoutSeconds: 30,
      })) {
        seen.push(event.type);
        if (event.type === 'DELETED') break;
      }
      expect(seen).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    });

    test('a terminating namespace refuses creates with its own error', async () => {
      const doomed = `${namespace}-doomed`;
      const created = await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: doomed } });
      const held = configMap('held', '1');
      const finalizers = ['fairway.dev/test'];
      await client.apply({ ...held, metadata: { name: 'held', namespace: doomed, finalizers } });
      const ending = await client.delete(kinds.namespace, { name: doomed }, { preconditions: { uid: uid(created) } });
      expect(ending?.metadata.deletionTimestamp).toBeTypeOf('string');
      const late = client.apply({ ...held, metadata: { name: 'late', namespace: doomed } });
      expect(errors.isForbiddenTerminating(await failure(late))).toBe(true);
      const release = { patch: { metadata: { finalizers: null } } };
      await client.patch(kinds.configMap, { namespace: doomed, name: 'held' }, release);
    });

    test('a reflector follows, and the gate opens when it has seen our write', async () => {
      const changes: Change['type'][] = [];
      await using reflector = startReflector({
        client,
        kind: kinds.configMap,
        namespace,
        labelSelector: 'reflected=yes',
        clock: systemClock,
        log: silentLogger(),
        onChange: (change) => changes.push(change.type),
      });
      await reflector.synced(AbortSignal.timeout(30_000));
      const gate = new WroteAt({ clock: systemClock, waitMaxMs: 10_000 });
      const written = await client.apply(configMap('reflected', '1', { reflected: 'yes' }));
      gate.wrote('key', reflector, written);
      await gate.ensureReady('key');
      expect(reflector.store.get({ namespace, name: 'reflected' })?.metadata.resourceVersion).toBe(version(written));
      await client.delete(kinds.configMap, { namespace, name: 'reflected' }, { preconditions: { uid: uid(written) } });
      await eventually(() => expect(changes).toEqual(['added', 'deleted']));
    });
  });
}

/** The part of our custom resource's definition that the suite needs: scope, status and the fence. */
const fencedDefinition: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'dedicatedinferences.fairway.dev' },
  spec: {
    group: 'fairway.dev',
    scope: 'Cluster',
    names: {
      plural: 'dedicatedinferences',
      singular: 'dedicatedinference',
      kind: 'DedicatedInference',
      listKind: 'DedicatedInferenceList',
    },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                properties: { intentSeq: { type: 'integer' } },
                'x-kubernetes-validations': [
                  { rule: 'self.intentSeq >= oldSelf.intentSeq', message: 'intentSeq may not go back' },
                ],
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};
