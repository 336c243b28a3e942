import { describe, expect, test } from 'vitest';
import { KeptAnswers } from './kept-answers.ts';

const at = (replica: string) => ({ replica, process: 'p', root: 7n, tip: 8n, bytes: 100 });
const put = (answers: KeptAnswers, key: string, [now, givenAt = now]: [number, number?]) =>
  answers.put(key, { answer: at(`r-${key}`), givenAt, isOwn: now === givenAt }, now);

describe('kept answers', () => {
  test('are known for their time, counted from when they were given', () => {
    const answers = new KeptAnswers({ answersMax: 10, ttlMs: 100 });
    put(answers, 'a', [0]);
    put(answers, 'b', [50, 20]);
    expect(answers.get('a', 99)?.answer).toEqual(at('r-a'));
    expect([answers.get('a', 100), answers.get('b', 120), answers.get('c', 0)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(answers.get('b', 119)?.givenAt).toBe(20);
    expect([...answers.own()].map(([key]) => key)).toEqual(['a']);
    put(answers, 'c', [200]);
    expect([answers.size, answers.forgotten]).toEqual([1, 0]);
  });

  test('are bounded: the oldest goes, and is counted', () => {
    const answers = new KeptAnswers({ answersMax: 2, ttlMs: 100 });
    for (const [now, key] of ['a', 'b', 'a', 'c'].entries()) put(answers, key, [now]);
    expect([answers.get('a', 4), answers.get('b', 4), answers.get('c', 4)].map((entry) => entry !== undefined)).toEqual(
      [true, false, true],
    );
    expect([answers.size, answers.forgotten]).toEqual([2, 1]);
  });
});
