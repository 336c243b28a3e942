import { describe, expect, test } from 'vitest';
import type { KeptAnswersLimits } from '../replicas/kept-answers.ts';
import type { AnswerNote, AnswerStore } from './answer-store.ts';

/** What a medium of the suite holds, and for how long. */
export const contractLimits: KeptAnswersLimits = { answersMax: 4, ttlMs: 60_000 };

/** One medium that stores are opened on, and its faults. */
export interface AnswerMedium extends AsyncDisposable {
  /** `own`: what the router would note again. */
  open(router: string, own?: readonly AnswerNote[]): AnswerStore & AsyncDisposable;
  now(): number;
  /** Lets time pass until `look` no longer throws. */
  eventually(look: () => Promise<void>): Promise<void>;
  /** Makes the medium unreachable for all. */
  cut(): Promise<void>;
  /** It is there again, and has forgotten all. */
  heal(): Promise<void>;
}

const answer = { replica: 'r1', process: '127.0.0.1 1 0', root: 0xfedc_ba98_7654_3210n, tip: 0n, bytes: 7 };
const noteOf = (key: string, givenAt: number): AnswerNote => ({ key, answer, givenAt });

/** What every AnswerStore does. `createMedium` makes a fresh medium without faults, of the limits above. */
export function describeAnswerStore(name: string, createMedium: () => Promise<AnswerMedium>): void {
  describe(name, () => {
    test('gives what was noted to every router, also when the one that noted it is gone', async () => {
      await using medium = await createMedium();
      await using b = medium.open('b');
      const note = noteOf('f'.repeat(64), medium.now());
      {
        await using a = medium.open('a', [note]);
        await medium.eventually(async () => expect(await a.get(note.key)).toEqual(note));
      }
      expect([await b.get(note.key), await b.get('unknown')]).toEqual([note, undefined]);
      await using c = medium.open('c');
      await medium.eventually(async () => expect(await c.get(note.key)).toEqual(note));
    });

    test('holds a note for its time alone, counted from when the answer was given', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      await medium.eventually(async () => expect(await a.get('any')).toBeUndefined());
      const { ttlMs } = contractLimits;
      const now = medium.now();
      for (const [key, ageMs] of Object.entries({ fresh: 0, old: ttlMs - 1500, over: ttlMs }))
        a.put(noteOf(key, now - ageMs));
      const held = async (): Promise<boolean[]> =>
        (await Promise.all(['fresh', 'old', 'over'].map((key) => a.get(key)))).map((note) => note !== undefined);
      await medium.eventually(async () => expect(await held()).toEqual([true, true, false]));
      await medium.eventually(async () => expect(await held()).toEqual([true, false, false]));
    });

    test('holds so many: the oldest go', async () => {
      await using medium = await createMedium();
      await using a = medium.open('a');
      await using b = medium.open('b');
      await medium.eventually(async () =>
        expect([await a.get('any'), await b.get('any')]).toEqual([undefined, undefined]),
      );
      const now = medium.now();
      const keys = Array.from({ length: 10 }, (_, at) => String(at));
      for (const [at, key] of keys.entries()) (at % 2 === 0 ? a : b).put(noteOf(key, now - 1000 + at));
      await medium.eventually(async () => {
        const found = await Promise.all(keys.map((key) => a.get(key)));
        expect(found.flatMap((note) => note?.key ?? [])).toEqual(['6', '7', '8', '9']);
      });
    });

    test('fails while it is away, takes nothing, and has everybody’s own again when it is back', async () => {
      await using medium = await createMedium();
      const notes = ['a', 'b'].map((key) => noteOf(key, medium.now()));
      await using a = medium.open('a', notes.slice(0, 1));
      await using b = medium.open('b', notes.slice(1));
      const both = (): Promise<unknown[]> => Promise.all([a.get('b'), b.get('a')]);
      await medium.eventually(async () => expect(await both()).toEqual([notes[1], notes[0]]));
      await medium.cut();
      await expect(a.get('b')).rejects.toThrow();
      a.put(noteOf('lost', medium.now()));
      await medium.eventually(async () => expect(await Promise.resolve(a.unwritten)).toBe(1));
      await medium.heal();
      await medium.eventually(async () => expect(await both()).toEqual([notes[1], notes[0]]));
      await medium.eventually(async () => expect(await b.get('lost')).toBeUndefined());
    });
  });
}
