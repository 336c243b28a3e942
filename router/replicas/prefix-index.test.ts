import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PromptKeys } from '../scan/prefix-hash.ts';
import { hashText } from '../scan/hash64.ts';
import { PrefixIndex } from './prefix-index.ts';
import { PrefixMirror } from './prefix-mirror.ts';

const blockSize = 100;

/** The prompt "a/b/c" has one block per word; equal beginnings have equal keys. */
function prompt(path: string): PromptKeys {
  const words = path.split('/');
  const keys = words.map((_, i) => hashText(words.slice(0, i + 1).join('/'), 7n));
  return {
    keys: BigUint64Array.from(keys),
    bytesUpTo: Float64Array.from(keys, (_, i) => (i + 1) * blockSize),
    firstUserEnd: 1,
  };
}

const everything = { offset: 0, count: 1e9 };
const index = (blocks = 100, blocksPerReplicaMax = 1000): PrefixIndex => {
  const made = new PrefixIndex(() => 0, blocksPerReplicaMax);
  made.setReplicas(new Map(['r1', 'r2', 'r3'].map((id) => [id, blocks * blockSize])));
  return made;
};
const matched = (of: PrefixIndex, path: string, replica = 'r1') => of.match([replica], prompt(path))[0]?.block;

describe('PrefixIndex', () => {
  test('finds the longest prefix of each replica', () => {
    const it = index();
    it.insert('r1', prompt('sys/ann/one'));
    it.insert('r2', prompt('sys/bob'));
    const found = it.match(['r1', 'r2', 'r3'], prompt('sys/ann/one/two'));
    expect(found.map(({ block }) => block)).toEqual([2, 0, -1]);
    expect(it.match(['r1'], { keys: new BigUint64Array() })[0]?.block).toBe(-1);
  });

  test('news carry only what is new, and make another index equal', () => {
    const [one, two] = [index(), index()];
    expect(two.apply(one.insert('r1', prompt('sys/ann/one')))).toBe('applied');
    const news = one.insert('r1', prompt('sys/ann/one/two/three'));
    expect(news.parentTip).toBe(prompt('sys/ann/one').keys[2]);
    expect(news.newKeys).toHaveLength(2);
    expect([...news.newBytes]).toEqual([blockSize, blockSize]);
    expect(two.apply(news)).toBe('applied');
    expect(two.apply(news)).toBe('applied');
    expect(two.blocks('r1', everything)).toEqual(one.blocks('r1', everything));
    const repeat = one.insert('r1', prompt('sys/ann/one'));
    expect(repeat.newKeys).toHaveLength(0);
    expect(repeat.touchedTip).toBe(repeat.parentTip);
  });

  test('news whose parent is unknown are a gap, which the sender’s blocks heal', () => {
    const [one, two] = [index(), index()];
    one.insert('r1', prompt('sys/ann/one'));
    const news = one.insert('r1', prompt('sys/ann/one/two'));
    expect(two.apply(news)).toBe('gap');
    expect(matched(two, 'sys/ann/one/two')).toBe(-1);
    two.adopt('r1', one.blocks('r1', everything));
    expect(matched(two, 'sys/ann/one/two')).toBe(3);
    expect(two.apply(news)).toBe('applied');
  });

  test('healing keeps what is known, in its order, and stays within the bounds', () => {
    const [one, two] = [index(), index(4)];
    one.insert('r1', prompt('x/1/2/3'));
    two.insert('r1', prompt('y/1'));
    two.adopt('r1', one.blocks('r1', everything));
    expect(matched(two, 'y/1')).toBe(1);
    expect(matched(two, 'x/1/2/3')).toBe(1);
    two.insert('r1', prompt('z'));
    expect(matched(two, 'x/1/2/3')).toBe(0);
  });

  test('the least recently used tails go first, common beginnings last', () => {
    const it = index(6);
    it.insert('r1', prompt('sys/ann/1/2'));
    it.insert('r1', prompt('sys/bob/1'));
    it.insert('r1', prompt('sys/ann/1'));
    it.insert('r1', prompt('sys/cy'));
    // Seven blocks: the oldest tail is ann's second answer.
    expect(matched(it, 'sys/ann/1/2')).toBe(2);
    it.insert('r1', prompt('sys/cy/1'));
    expect(matched(it, 'sys/bob/1')).toBe(1);
    expect(matched(it, 'sys/cy/1')).toBe(2);
  });

  test('a prompt larger than the cache keeps its beginning', () => {
    const it = index(3);
    it.insert('r1', prompt('a/b/c/d/e'));
    expect(matched(it, 'a/b/c/d/e')).toBe(2);
    const few = index(100, 3);
    few.insert('r1', prompt('a/b/c/d/e'));
    expect(matched(few, 'a/b/c/d/e')).toBe(2);
    few.insert('r1', prompt('x/y'));
    expect(matched(few, 'x/y')).toBe(1);
  });

  test('a finished request leaves its output behind its tip, until the next turn has it as blocks', () => {
    const [it, other] = [index(4), index(4)];
    const turn = prompt('sys/ann');
    const [, tip = 0n] = turn.keys;
    other.apply(it.insert('r1', turn));
    const generated = { promptTokens: 20, tokens: 30, bytes: 2 * blockSize };
    const news = it.finish('r1', tip, generated);
    if (news !== undefined) other.apply(news);
    for (const one of [it, other]) {
      const found = ['sys/ann/answer/next', 'sys/ann', 'sys/bob'].map((path) => one.match(['r1'], prompt(path))[0]);
      expect(found).toMatchObject([
        { block: 1, promptTokens: 20, outputTokens: 30 },
        { block: 1, promptTokens: 20, outputTokens: 0 },
        { block: 0, promptTokens: 0, outputTokens: 0 },
      ]);
    }
    expect(it.finish('r1', 1n, generated)).toBeUndefined();
    it.insert('r1', prompt('sys/ann/answer/next'));
    expect(matched(it, 'sys/ann/answer/next')).toBe(3);
    expect(it.match(['r1'], turn)[0]).toMatchObject({ block: 1, outputTokens: 0 });
  });

  test('output takes room like a prompt', () => {
    const it = index(4);
    it.insert('r1', prompt('old/1'));
    it.insert('r1', prompt('new/1'));
    it.finish('r1', prompt('new/1').keys[1] ?? 0n, { promptTokens: 20, tokens: 30, bytes: blockSize });
    expect(matched(it, 'old/1')).toBe(0);
  });

  test('forgets on request', () => {
    const it = index();
    it.insert('r1', prompt('a/b/c'));
    it.resize('r1', 2 * blockSize);
    expect(matched(it, 'a/b/c')).toBe(1);
    it.clear('r1');
    expect(matched(it, 'a/b/c')).toBe(-1);
    expect(it.size()).toEqual({ replicas: 0, blocks: 0, memoryBytes: 0 });
  });

  test('news of replicas that no pool names take no memory; once named they are taken, with their capacity', () => {
    const [one, two] = [index(), new PrefixIndex(() => 0)];
    const news = one.insert('r1', prompt('sys/ann/one'));
    for (let i = 0; i < 1000; i++) expect(two.apply({ ...news, replica: `made-up-${i}` })).toBe('unknown');
    expect(two.apply(news)).toBe('unknown');
    expect(two.size()).toEqual({ replicas: 0, blocks: 0, memoryBytes: 0 });
    two.setReplicas(new Map([['r1', 2 * blockSize]]));
    expect(two.apply(news)).toBe('applied');
    expect(matched(two, 'sys/ann/one')).toBe(1);
    two.resize('r1', 10 * blockSize);
    expect(two.apply(one.insert('r1', prompt('sys/ann/one')))).toBe('gap');
    two.adopt('r1', one.blocks('r1', everything));
    expect(matched(two, 'sys/ann/one')).toBe(2);
    two.setReplicas(new Map([['r2', blockSize]]));
    expect(two.size().blocks).toBe(0);
  });

  test('so much of a prompt is booked at once that a turn of the event loop stays short, the rest with its next turns', () => {
    const it = index(100_000, 65_536);
    const keys = BigUint64Array.from({ length: 40_000 }, (_, at) => BigInt(at + 1));
    const long = { keys, bytesUpTo: Float64Array.from(keys, (_, at) => at + 1), firstUserEnd: 0 };
    const booked = [1, 2, 3].map(() => {
      const news = it.insert('r1', long);
      const { block } = it.match(['r1'], long)[0] ?? {};
      return [news.newKeys.length, Number(news.parentTip), Number(news.touchedTip), block];
    });
    expect(booked).toEqual([
      [16_384, 0, 16_384, 16_383],
      [16_384, 16_384, 32_768, 32_767],
      [7232, 32_768, 40_000, 39_999],
    ]);
  });

  test('knows what was used since each part of a prompt, and forgets what is older than what was lost', () => {
    const it = new PrefixIndex(() => 0);
    it.setReplicas(new Map([['r1', 10 * blockSize]]));
    it.insert('r1', prompt('sys/ann/1'));
    for (const path of ['sys/bob/1', 'sys/cy/1']) it.insert('r1', prompt(path));
    expect(it.uses('r1', prompt('sys/ann/1/2'))).toEqual([
      { upTo: 1, newerBytes: 0 },
      { upTo: 3, newerBytes: 5 * blockSize },
    ]);
    expect(it.uses('r1', prompt('other'))).toEqual([]);
    it.correct('r1', { lost: 8 * blockSize });
    expect(matched(it, 'sys/ann/1')).toBe(2);
    it.correct('r1', { lost: 5 * blockSize });
    expect(['sys/ann/1', 'sys/bob/1', 'sys/cy/1'].map((path) => matched(it, path))).toEqual([0, 2, 2]);
    it.resize('r1', 20 * blockSize);
    it.insert('r1', prompt('sys/ann/1/2/3/4/5'));
    expect(matched(it, 'sys/ann/1/2/3/4/5')).toBe(6);
  });

  test('memory stays bounded: 48 replicas with 10 MB of prompts each take below 30 MB', () => {
    const it = new PrefixIndex(() => 0);
    it.setReplicas(new Map(Array.from({ length: 48 }, (_, i) => [`r${i}`, 10_000 * 1024])));
    const bytesUpTo = Float64Array.from({ length: 500 }, (_, i) => (i + 1) * 1024);
    for (let replica = 0; replica < 48; replica++) {
      for (let user = 0; user < 30; user++) {
        const keys = BigUint64Array.from({ length: 500 }, (_, i) => hashText(`${replica}/${user}/${i}`, 0n));
        it.insert(`r${replica}`, { keys, bytesUpTo, firstUserEnd: 1 });
      }
    }
    expect(it.size().blocks).toBe(48 * 10_000);
    expect(it.size().memoryBytes).toBeLessThan(30_000_000);
  });
});

describe('PrefixMirror', () => {
  test('behaves like a list of prompts in order of use, whatever comes', () => {
    const path = fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 6 })
      .map((words) => words.join('/'));
    fc.assert(
      fc.property(fc.array(path, { maxLength: 60 }), fc.integer({ min: 1, max: 30 }), (paths, capacity) => {
        const mirror = new PrefixMirror({ capacityBytes: capacity * blockSize, maxBlocks: 40 }, () => 0);
        let model: string[] = [];
        for (const used of paths) {
          const { keys } = prompt(used);
          expect(mirror.extend(0n, keys, new Uint32Array(keys.length).fill(blockSize))).toBe(true);
          const prefixes = used.split('/').map((_, i, words) => words.slice(0, i + 1).join('/'));
          model = [...prefixes, ...model.filter((known) => !prefixes.includes(known))].slice(0, capacity);
          expect([...mirror.newestFirst(0, 1e9)].map(({ key }) => key)).toEqual(
            model.map((known) => hashText(known, 7n)),
          );
          expect(mirror.bytes).toBe(model.length * blockSize);
          expect(mirror.blocks).toBe(model.length);
        }
      }),
    );
  });
});
