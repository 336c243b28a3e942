import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { at, type JsonObject } from '../objects/object.ts';
import { addNode, freshNamespace, gpuDeployment, itemsOf, makeReady, manager, podPath } from './contract-lab.ts';
import type { KubeHttp } from '../client/kube-http.ts';

/** Deployments, their pods and the scheduler; the suite plays the kubelet. */
export function describeWorkloads(kube: () => KubeHttp): void {
  describe('workloads', { concurrent: false }, () => {
    const lab = `lab-${crypto.randomUUID().slice(0, 8)}`;
    beforeAll(async () => {
      for (const number of [1, 2]) await addNode(kube(), `${lab}-${number}`, lab);
    });

    const deploy = async (replicas: number, gpus: number): Promise<{ path: string; space: string; name: string }> => {
      const space = await freshNamespace(kube());
      const path = `/apis/apps/v1/namespaces/${space}/deployments/pool`;
      const made = await kube().apply(path, gpuDeployment('pool', lab, { replicas, gpus }), manager);
      expect(made.code).toBe(201);
      return { path, space, name: 'pool' };
    };
    const pods = async (space: string): Promise<JsonObject[]> => itemsOf(kube(), `/api/v1/namespaces/${space}/pods`);
    const bound = async (space: string, count: number): Promise<JsonObject[]> =>
      eventually(async () => {
        const all = (await pods(space)).filter((pod) => at(pod, 'spec', 'nodeName') !== undefined);
        expect(all.length).toBe(count);
        return all;
      });
    const end = async (path: string, space: string): Promise<void> => {
      await kube().send('DELETE', path, { body: { propagationPolicy: 'Background' } });
      await eventually(async () => {
        const left = await pods(space);
        for (const pod of left) await kube().send('DELETE', podPath(pod), { body: { gracePeriodSeconds: 0 } });
        expect(left).toEqual([]);
      });
    };

    it('makes pods through a ReplicaSet, binds them and counts the ready ones', async () => {
      const { path, space } = await deploy(2, 2);
      const [first] = await bound(space, 2);
      const [set] = await itemsOf(kube(), `/apis/apps/v1/namespaces/${space}/replicasets`);
      expect(at(first, 'metadata', 'ownerReferences')).toMatchObject([
        { kind: 'ReplicaSet', uid: at(set, 'metadata', 'uid'), controller: true },
      ]);
      expect(at(first, 'metadata', 'labels')).toMatchObject({ app: 'pool', 'pod-template-hash': expect.any(String) });
      for (const pod of await bound(space, 2)) await makeReady(kube(), pod);
      await eventually(async () => {
        const { body } = await kube().send('GET', path);
        expect(body['status']).toMatchObject({
          observedGeneration: at(body, 'metadata', 'generation'),
          replicas: 2,
          updatedReplicas: 2,
          readyReplicas: 2,
          availableReplicas: 2,
          conditions: expect.arrayContaining([expect.objectContaining({ type: 'Available', status: 'True' })]),
        });
      });
      const again = await kube().apply(path, gpuDeployment('pool', lab, { replicas: 2, gpus: 2 }), manager);
      const before = await kube().send('GET', path);
      expect(at(again.body, 'metadata', 'resourceVersion')).toBe(at(before.body, 'metadata', 'resourceVersion'));
      await end(path, space);
    });

    it('leaves a pod pending with the reason while GPUs are short, and binds it when they are free', async () => {
      const { path, space } = await deploy(3, 8);
      await bound(space, 2);
      const waiting = await eventually(async () => {
        const pod = (await pods(space)).find((one) => at(one, 'spec', 'nodeName') === undefined);
        const conditions = at(pod, 'status', 'conditions');
        const condition = Array.isArray(conditions) ? conditions[0] : undefined;
        expect(condition).toMatchObject({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' });
        expect(at(condition, 'message')).toMatch(/^0\/\d+ nodes are available: .*2 Insufficient nvidia\.com\/gpu/);
        return pod;
      });
      expect(at(waiting, 'status', 'phase')).toBe('Pending');
      await eventually(async () => {
        const events = await itemsOf(kube(), `/api/v1/namespaces/${space}/events`);
        expect(events.map((event) => at(event, 'reason'))).toContain('FailedScheduling');
      });
      await kube().mergePatch(path, { spec: { replicas: 2 } });
      await eventually(async () => expect((await pods(space)).length).toBe(2));
      await end(path, space);
    });

    it('marks a bound pod first, counts it no more, and forgets it when the kubelet has ended it', async () => {
      const { path, space } = await deploy(1, 1);
      const [pod = {}] = await bound(space, 1);
      await makeReady(kube(), pod);
      const uid = at(pod, 'metadata', 'uid');
      const marked = await kube().send('DELETE', podPath(pod), {
        body: { preconditions: { uid }, gracePeriodSeconds: 60 },
      });
      expect(marked.body['metadata']).toMatchObject({
        deletionGracePeriodSeconds: 60,
        deletionTimestamp: expect.any(String),
      });
      const all = await eventually(async () => {
        const both = await pods(space);
        expect(both.length).toBe(2);
        return both;
      });
      expect(all.some((one) => at(one, 'metadata', 'uid') === uid)).toBe(true);
      await kube().send('DELETE', podPath(pod), { body: { preconditions: { uid }, gracePeriodSeconds: 0 } });
      await eventually(async () => expect((await pods(space)).length).toBe(1));
      await end(path, space);
    });

    it('gives up the pod with the lowest deletion cost when it scales down', async () => {
      const { path, space } = await deploy(3, 1);
      const all = await bound(space, 3);
      for (const pod of all) await makeReady(kube(), pod);
      const [victim = {}] = all;
      const annotations = { 'controller.kubernetes.io/pod-deletion-cost': '-10' };
      await kube().mergePatch(podPath(victim), { metadata: { annotations } });
      await kube().mergePatch(path, { spec: { replicas: 2 } });
      await eventually(async () => {
        const marked = (await pods(space)).filter((pod) => at(pod, 'metadata', 'deletionTimestamp') !== undefined);
        expect(marked.map((pod) => at(pod, 'metadata', 'uid'))).toEqual([at(victim, 'metadata', 'uid')]);
      });
      await end(path, space);
    });

    it('refuses a Deployment whose selector does not fit its template, or changes', async () => {
      const space = await freshNamespace(kube());
      const path = `/apis/apps/v1/namespaces/${space}/deployments/pool`;
      const good = gpuDeployment('pool', lab, { replicas: 0, gpus: 1 }) as { spec: object };
      const selector = { matchLabels: { app: 'other' } };
      const misfit = { ...good, spec: { ...good.spec, selector } };
      expect((await kube().apply(path, misfit, manager)).code).toBe(422);
      expect((await kube().apply(path, good, manager)).code).toBe(201);
      expect((await kube().apply(path, misfit, manager)).code).toBe(422);
    });
  });
}
