import { describe, expect, test } from 'vitest';
import { fencedBlocks, runnableScript } from './fenced-blocks.ts';

const sh = (code: string): { language: string; code: string; line: number } => ({ language: 'sh', code, line: 1 });
const lastLines = (script: string): string[] => script.trimEnd().split('\n').slice(2);

describe('fenced blocks', () => {
  test('are found with their language and place', () => {
    expect(fencedBlocks('a\n```sh\none\ntwo\n```\nb\n```\nthree\n```\n')).toEqual([
      { language: 'sh', code: 'one\ntwo', line: 3 },
      { language: '', code: 'three', line: 8 },
    ]);
  });

  test('a longer fence holds a shorter one', () => {
    expect(fencedBlocks('````text\n```sh\n```\n````')).toEqual([{ language: 'text', code: '```sh\n```', line: 2 }]);
  });

  test('one that is not closed is refused', () => {
    expect(() => fencedBlocks('a\n```sh\nls\n')).toThrow('starts at line 2');
  });
});

describe('the script of a file', () => {
  test('has its sh blocks, in order', () => {
    const blocks = [sh('a=1'), { language: 'text', code: 'not this', line: 1 }, sh('echo $a')];
    expect(lastLines(runnableScript(blocks))).toEqual(['a=1', 'echo $a']);
  });

  test.each([
    ['npm run dev', 'npm run dev -- --smoke --port 0'],
    ['npm run dev -- --smoke', 'npm run dev -- --smoke --port 0'],
    ['npm run dev -- --replicas 3 --port 9000', 'npm run dev -- --replicas 3 --port 9000 --smoke'],
  ])('%s is run as %s', (written, run) => {
    expect(lastLines(runnableScript([sh(written)]))).toEqual([run]);
  });

  test.each(['npm test', 'npm run check', 'npm run clean'])('%s is refused', (command) => {
    expect(() => runnableScript([sh(`ls\n${command}`)])).toThrow('fence it as text');
  });
});
