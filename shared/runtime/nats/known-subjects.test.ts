import { describe, expect, it } from 'vitest';
import { KnownSubjects } from './known-subjects.ts';

describe('known subjects', () => {
  const filled = (): KnownSubjects => {
    const known = new KnownSubjects();
    known.startReading(false);
    known.see('a', 1, false);
    known.see('b', 2, false);
    expect(known.endReading()).toEqual([]);
    return known;
  };

  it('tells the same message from a newer one', () => {
    const known = filled();
    known.startReading(false);
    expect(known.see('a', 1, false)).toBe('again');
    expect(known.see('b', 3, false)).toBe('news');
    expect(known.see('c', 4, false)).toBe('news');
    expect(known.endReading()).toEqual([]);
  });

  it('misses what a reading has not met, unless it was deleted before', () => {
    const known = filled();
    known.see('a', 3, true);
    known.startReading(false);
    expect(known.endReading()).toEqual(['b']);
    known.startReading(false);
    expect(known.endReading()).toEqual([]);
  });

  it('takes equal sequences of a new stream for other messages, also when its reading is interrupted', () => {
    const known = filled();
    known.startReading(true);
    expect(known.see('a', 1, false)).toBe('news');
    known.startReading(false);
    expect(known.see('a', 1, false)).toBe('again');
    expect(known.endReading()).toEqual(['b']);
    expect(known.see('b', 2, false)).toBe('news');
  });
});
