import { describe, expect, it } from 'vitest';
import { phases } from '#shared/contract/status.ts';
import type { PodStage } from './pod-view.ts';
import { hintFor } from './reasons.ts';

const at = (reason: string, message = '', phase: (typeof phases)[number] = 'load') =>
  hintFor({ phase, reason, message });

describe('a hint', () => {
  it('is there for what waiting does not mend, and for nothing else', () => {
    expect(at('Loading')).toBe('');
    expect(at('Proving', '', 'proof')).toBe('');
    expect(at('Unschedulable', '0/3 nodes', 'node')).toMatch(/fewer replicas/);
    expect(at('ImagePullBackOff', '', 'image')).toMatch(/registry/);
    expect(at('OOMKilled')).toMatch(/memory/);
    expect(at('KubeletNotHeard', '', 'proof')).toMatch(/nodes are up/);
  });

  it.each([
    ['FailedCreate', { phase: 'capacity', message: 'pods "a" is forbidden: exceeded quota: engines' }, /quota raised/],
    ['ErrImagePull', { phase: 'image', message: 'failed to authorize: 401 Unauthorized' }, /Let the nodes pull/],
    ['CrashLoopBackOff', { phase: 'load', message: 'code 1: 403 Client Error. Access is gated.' }, /licence/],
    ['Error', { phase: 'load', message: 'code 1: CUDA out of memory.' }, /does not fit/],
    ['CrashLoopBackOff', { phase: 'load', message: 'The engine ended with code 1.' }, /log/],
  ] as const)('heeds the words beside %s', (reason, said, hint) => {
    expect(hintFor({ reason, ...said })).toMatch(hint);
  });

  it('belongs to each reason of our own: one that is not in the table does not compile', () => {
    // @ts-expect-error This is what a forgotten one looks like.
    const forgotten: PodStage = { phase: 'load', reason: 'Forgotten', message: '' };
    expect(hintFor(forgotten)).toMatch(/log/);
  });

  it.each(phases)(
    'is there for a reason of phase %s that Kubernetes has and we do not know, and when it lasts too long',
    (phase) => {
      for (const hint of [at('NewInKubernetes', '', phase), hintFor({ phase, reason: 'Loading', message: '' }, true)])
        expect(hint).toMatch(/^[A-Z][^\n]{10,170}\.$/);
      expect(at('constructor', '', phase)).toBe(at('NewInKubernetes', '', phase));
    },
  );
});
