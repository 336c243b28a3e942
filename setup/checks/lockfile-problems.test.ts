import { expect, test } from 'vitest';
import { lockfileProblems, type Lockfile } from './lockfile-problems.ts';

const PLATFORMS = [
  'linux-x64-glibc',
  'linux-x64-musl',
  'linux-arm64-glibc',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
];

/** A lock with one package that is made per platform. */
function lockWith(platforms: readonly string[], change: Partial<Lockfile['packages'][string]> = {}): Lockfile {
  const bindings = platforms.map((platform) => {
    const [os = '', cpu = '', libc] = platform.split('-');
    const entry = { version: '1.0.0', integrity: 'sha512-x', os: [os], cpu: [cpu], ...(libc ? { libc: [libc] } : {}) };
    return [`node_modules/@tool/${platform}`, entry] as const;
  });
  const optionalDependencies = Object.fromEntries(PLATFORMS.map((platform) => [`@tool/${platform}`, '1.0.0']));
  return {
    lockfileVersion: 3,
    packages: {
      '': { devDependencies: { tool: '1.0.0' } },
      'node_modules/tool': { version: '1.0.0', integrity: 'sha512-x', optionalDependencies, ...change },
      ...Object.fromEntries(bindings),
    },
  };
}

const MANIFEST = { devDependencies: { tool: '1.0.0' } };

test('a complete lock has no problem', () => {
  expect(lockfileProblems(lockWith(PLATFORMS), MANIFEST)).toEqual([]);
});

test.each(PLATFORMS)('a lock without the binding for %s is refused', (missing) => {
  const problems = lockfileProblems(lockWith(PLATFORMS.filter((platform) => platform !== missing)), MANIFEST);
  expect(problems).toEqual([
    `node_modules/tool: @tool/${missing} is not in the lock`,
    `node_modules/tool has no binding for ${missing.replaceAll('-', ' ')}`,
  ]);
});

test('a binding without libc serves glibc and musl', () => {
  const lock = lockWith(PLATFORMS);
  for (const entry of Object.values(lock.packages)) delete entry.libc;
  expect(lockfileProblems(lock, MANIFEST)).toEqual([]);
});

test('an address, a missing hash and a link are refused', () => {
  const at = 'node_modules/tool';
  expect(lockfileProblems(lockWith(PLATFORMS, { resolved: 'x' }), MANIFEST)).toEqual([
    `${at} names the address it came from ("resolved")`,
  ]);
  const unhashed = lockWith(PLATFORMS);
  delete unhashed.packages[at]?.integrity;
  expect(lockfileProblems(unhashed, MANIFEST)).toEqual([`${at} has no integrity`]);
  expect(lockfileProblems(lockWith(PLATFORMS, { link: true }), MANIFEST)).toEqual([
    `${at} is a link to a folder of this machine`,
  ]);
});

test('a difference from package.json is refused', () => {
  expect(lockfileProblems(lockWith(PLATFORMS), { devDependencies: { tool: '1.1.0', other: '2.0.0' } })).toEqual([
    'tool: package.json says 1.1.0, the lock 1.0.0',
    'other: package.json says 2.0.0, the lock nothing',
  ]);
});
