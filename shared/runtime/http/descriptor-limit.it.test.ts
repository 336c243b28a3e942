import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { descriptorLimit } from './descriptor-limit.ts';

it('is the limit of the shell that starts the process', () => {
  expect(descriptorLimit()).toBeGreaterThan(0);
  const script = `import('${import.meta.resolve('./descriptor-limit.ts')}').then((m) => console.log(m.descriptorLimit()))`;
  const said = execFileSync('sh', ['-c', 'ulimit -n 123 && exec "$0" -e "$1"', process.execPath, script]);
  expect(said.toString().trim()).toBe('123');
});
