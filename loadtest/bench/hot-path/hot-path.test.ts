import { expect, test } from 'vitest';
import { pidsOf, spentMs } from '../process-cpu.ts';
import { chatBodies } from './bodies.ts';
import { byRoom, selfTimes, type CpuProfile } from './self-times.ts';

test('CPU time and children are read out of /proc', () => {
  expect(spentMs('236497201 943283618 1766\n')).toBe(236.497201);
  expect(spentMs('')).toBe(0);
  expect([pidsOf('209 30 '), pidsOf('')]).toEqual([[209, 30], []]);
});

test('a profile tells what functions took by themselves between two times, without idle time', () => {
  const node = (id: number, functionName: string, url = 'node:net') => ({
    id,
    callFrame: { functionName, url, lineNumber: 9 },
  });
  const profile: CpuProfile = {
    nodes: [node(1, '(idle)', ''), node(2, 'write'), node(3, '')],
    startTime: 1000,
    // At 1000, 1010, 1030, 1060, 1100, 1150: the first is before the time, the last two are after it.
    samples: [2, 3, 1, 2, 2, 2],
    timeDeltas: [0, 10, 20, 30, 40, 50],
  };
  expect(selfTimes(profile, { from: 1005, to: 1090 })).toEqual([
    { name: 'write', place: 'node:net:10', us: 40, share: 40 / 60 },
    { name: '(anonymous)', place: 'node:net:10', us: 20, share: 20 / 60 },
  ]);
});

test('bodies are as long as asked for in the mean, grow within a conversation, and say early how much they want', () => {
  const bodies = chatBodies({ seed: 3, bytes: 78_000, chunks: 130 });
  const talk = Array.from({ length: 8 }, () => bodies.next().value);
  const mean = talk.reduce((sum, body) => sum + body.length, 0) / talk.length;
  expect(mean / 78_000).toBeCloseTo(1, 1);
  expect(talk.map(({ length }) => length)).toEqual(talk.map(({ length }) => length).toSorted((a, b) => a - b));
  expect(talk[0]?.toString().slice(0, 18)).toBe('{"max_tokens":130,');
});

test('what functions took is summed up by room and package', () => {
  const time = (name: string, place: string) => ({ name, place, us: 10, share: 0.1 });
  const times = [
    time('a', 'router/scan/json-walker.ts:7'),
    time('b', 'router/scan/scanner.ts:9'),
    time('c', 'node_modules/@hono/node-server/dist/index.js:1'),
    time('d', 'node:internal/crypto/hash:3'),
    time('e', 'node:net:3'),
    time('writev', ''),
    time('(garbage collector)', ''),
    time('indexOf', ''),
  ];
  const rooms = byRoom(times).map(({ room, us }) => `${room} ${us}`);
  const single = ['@hono/node-server', 'node:internal/crypto', 'node:net', 'writes', '(garbage collector)', 'native'];
  expect(rooms).toEqual(['router/scan 20', ...single.map((room) => `${room} 10`)]);
});
