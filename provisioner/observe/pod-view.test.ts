import { describe, expect, it } from 'vitest';
import { viewPod } from './pod-view.ts';

const scheduled = { type: 'PodScheduled', status: 'True' };
const spec = { containers: [{ ports: [{ containerPort: 8000 }], resources: { limits: { 'nvidia.com/gpu': '8' } } }] };
const view = (status: object, metadata: object = {}) =>
  viewPod({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'engine-1', uid: 'u', ...metadata }, spec, status });

describe('viewPod', () => {
  it.each([
    ['node', 'Scheduling', {}],
    [
      'node',
      'Unschedulable',
      { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1' }] },
    ],
    ['image', 'ContainerCreating', { conditions: [scheduled] }],
    [
      'image',
      'ImagePullBackOff',
      { conditions: [scheduled], containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }] },
    ],
    [
      'load',
      'CrashLoopBackOff',
      {
        conditions: [scheduled],
        containerStatuses: [
          { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 7 } } },
        ],
      },
    ],
    [
      'load',
      'Error',
      { conditions: [scheduled], containerStatuses: [{ state: { terminated: { exitCode: 1, reason: 'Error' } } }] },
    ],
    ['weights', 'FetchingWeights', { conditions: [scheduled], initContainerStatuses: [{ state: { running: {} } }] }],
    [
      'weights',
      'FetchFailed',
      {
        conditions: [scheduled],
        initContainerStatuses: [
          { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 3 } } },
        ],
      },
    ],
    [
      'image',
      'ErrImagePull',
      { conditions: [scheduled], initContainerStatuses: [{ state: { waiting: { reason: 'ErrImagePull' } } }] },
    ],
    [
      'image',
      'PodInitializing',
      {
        conditions: [scheduled],
        initContainerStatuses: [{ state: { terminated: { exitCode: 0 } } }],
        containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
      },
    ],
    ['load', 'Loading', { conditions: [scheduled], containerStatuses: [{ started: false, state: { running: {} } }] }],
    ['warm', 'NotReady', { conditions: [scheduled], containerStatuses: [{ started: true, state: { running: {} } }] }],
    [
      'proof',
      'Proving',
      {
        conditions: [scheduled, { type: 'Ready', status: 'True' }],
        containerStatuses: [{ started: true, state: { running: {} } }],
      },
    ],
  ])('says that a pod is in phase %s for the reason %s', (phase, reason, status) =>
    expect(view(status).stage).toMatchObject({ phase, reason }),
  );

  it('says that an engine lacked memory also while it is being started again, and what a container lacks', () => {
    const waiting = (reason: string, message: string) => ({ state: { waiting: { reason, message } } });
    const killed = { lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } };
    const again = { ...waiting('CrashLoopBackOff', 'back-off'), ...killed };
    expect(view({ conditions: [scheduled], containerStatuses: [again] }).stage).toMatchObject({ reason: 'OOMKilled' });
    const unmade = waiting('CreateContainerConfigError', 'secret "a" not found');
    expect(view({ conditions: [scheduled], containerStatuses: [unmade] }).stage).toMatchObject({
      phase: 'image',
      message: 'secret "a" not found',
    });
  });

  it('says how an engine ended', () => {
    const status = {
      conditions: [scheduled],
      containerStatuses: [{ state: { terminated: { exitCode: 7, message: 'out of memory' } } }],
    };
    expect(view(status).stage.message).toBe('The engine ended with code 7: out of memory.');
  });

  it.each([
    ['Running', false],
    ['Pending', false],
    ['Failed', true],
    ['Succeeded', true],
  ])('says that a pod of phase %s has finished: %s', (phase, finished) =>
    expect(view({ phase }).finished).toBe(finished),
  );

  it('tells a kubelet that is not heard from one that says that the pod is not ready', () => {
    const conditions = (ready: string, containers: string) => [
      { type: 'Ready', status: ready },
      { type: 'ContainersReady', status: containers },
    ];
    expect(view({ conditions: conditions('False', 'True') })).toMatchObject({ ready: false, unheard: true });
    expect(view({ conditions: conditions('False', 'False') })).toMatchObject({ ready: false, unheard: false });
    expect(view({ conditions: conditions('True', 'True') })).toMatchObject({ ready: true, unheard: false });
  });

  it('takes the port that the kubelet gave, else its container’s, its GPUs and the mark for deletion', () => {
    const annotations = { 'fairway.dev/pod-port': '41000', 'controller.kubernetes.io/pod-deletion-cost': '-1000' };
    expect(view({ podIP: '127.0.0.1' }, { annotations })).toMatchObject({
      port: 41_000,
      address: '127.0.0.1',
      deletionCost: -1000,
    });
    expect(view({ podIP: '' })).toMatchObject({ port: 8000, gpus: 8, address: undefined, deletionCost: 0 });
  });
});
