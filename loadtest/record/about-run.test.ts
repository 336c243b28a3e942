import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { shellLine } from './about-run.ts';

it('writes a command that a shell reads as it was called', () => {
  const program = resolve(import.meta.dirname, '../virtual/run.ts');
  expect(shellLine(['/usr/bin/node', program, '--seeds', '1,2', "it's [1]", ''])).toBe(
    String.raw`node loadtest/virtual/run.ts --seeds 1,2 'it'\''s [1]' ''`,
  );
});
