import { describe, expect, it } from 'vitest';
import { endAfter } from './started.ts';

describe('what a test starts', () => {
  const place = () => {
    const ended: string[] = [];
    const ends: (() => Promise<void>)[] = [];
    const started = endAfter((end) => void ends.push(end));
    const one = (name: string): AsyncDisposable => ({
      [Symbol.asyncDispose]: async () => void ended.push(name),
    });
    return { started, ended, one, over: async () => ends[0]?.() };
  };

  it('is ended in reverse, also when a later start failed', async () => {
    const { started, ended, one, over } = place();
    await started.use(Promise.resolve(one('first')));
    started.defer(() => ended.push('folder'));
    started.keep(one('second'));
    await expect(started.use(Promise.reject<AsyncDisposable>(new Error('no port')))).rejects.toThrow('no port');
    await over();
    expect(ended).toEqual(['second', 'folder', 'first']);
  });

  it('is all ended when the end of one fails, which is told', async () => {
    const { started, ended, one, over } = place();
    started.keep(one('first'));
    started.defer(() => Promise.reject(new Error('cannot')));
    await expect(over()).rejects.toThrow('cannot');
    expect(ended).toEqual(['first']);
  });

  it('is ended as soon as it is there when its test is over before', async () => {
    const { started, ended, one, over } = place();
    const late = Promise.withResolvers<AsyncDisposable>();
    const use = started.use(late.promise);
    await over();
    started.keep(one('of the next test'));
    late.resolve(one('late'));
    await expect(use).rejects.toThrow('after its test was over');
    expect(ended).toEqual(['late']);
  });
});
