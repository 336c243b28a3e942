import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const everywhere = ['shared', 'api', 'provisioner', 'router', 'loadtest', 'k8s', 'setup', 'docs'];
const files = (kind: string): string[] => everywhere.map((folder) => `${folder}/**/*.${kind}.ts`);

/** unit: no I/O. it: real NATS, Redis, Kubernetes API. e2e: the whole stack. One name per kind of file. */
export default defineConfig({
  root,
  test: {
    pool: 'forks',
    reporters: ['default'],
    projects: [
      {
        root,
        test: {
          name: 'unit',
          include: files('test'),
          exclude: ['**/*.it.test.ts', '**/*.e2e.test.ts', '**/node_modules/**'],
          testTimeout: 20_000,
          // Without I/O and state of modules files need no process each: half of their time was that.
          isolate: false,
          maxWorkers: 4,
        },
      },
      {
        root,
        test: {
          name: 'it',
          include: files('it.test'),
          // In one group with unit tests, which compute while these wait.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 4,
        },
      },
      {
        root,
        test: {
          name: 'e2e',
          include: files('e2e.test'),
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 120_000,
          // Most of their time they wait. What some of them measure under --all wants the machine to itself.
          maxWorkers: process.env['FAIRWAY_TEST_ALL'] === 'on' ? 1 : 2,
        },
      },
    ],
  },
});
