import { expect, test } from 'vitest';
import { lockfileProblems, type Lockfile } from './lockfile-problems.ts';

const everyPlatform = [
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
  const optionalDependencies = Object.fromEntries(everyPlatform.map((platform) => [`@tool/${platform}`, '1.0.0']));
  return {
    lockfileVersion: 3,
    packages: {
      '': { devDependencies: { tool: '1.0.0' } },
      'node_modules/tool': { version: '1.0.0', integrity: 'sha512-x', optionalDependencies, ...change },
      ...Object.fromEntries(bindings),
    },
  };
}

const manifest = { devDependencies: { tool: '1.0.0' } };

test('a complete lock has no problem', () => {
  expect(lockfileProblems(lockWith(everyPlatform), manifest)).toEqual([]);
});

test.each(everyPlatform)('a lock without the binding for %s is refused', (missing) => {
  const problems = lockfileProblems(lockWith(everyPlatform.filter((platform) => platform !== missing)), manifest);
  expect(problems).toEqual([
    `node_modules/tool: @tool/${missing} is not in the lock`,
    `node_modules/tool has no binding for ${missing.replaceAll('-', ' ')}`,
  ]);
});

test('a binding without libc serves glibc and musl', () => {
  const lock = lockWith(everyPlatform);
  for (const entry of Object.values(lock.packages)) delete entry.libc;
  expect(lockfileProblems(lock, manifest)).toEqual([]);
});

test('an address, a missing hash and a link are refused', () => {
  const at = 'node_modules/tool';
  expect(lockfileProblems(lockWith(everyPlatform, { resolved: 'x' }), manifest)).toEqual([
    `${at} names the address it came from ("resolved")`,
  ]);
  const unhashed = lockWith(everyPlatform);
  delete unhashed.packages[at]?.integrity;
  expect(lockfileProblems(unhashed, manifest)).toEqual([`${at} has no integrity`]);
  expect(lockfileProblems(lockWith(everyPlatform, { link: true }), manifest)).toEqual([
    `${at} is a link to a folder of this machine`,
  ]);
});

test('a difference from package.json is refused', () => {
  expect(lockfileProblems(lockWith(everyPlatform), { devDependencies: { tool: '1.1.0', other: '2.0.0' } })).toEqual([
    'tool: package.json says 1.1.0, the lock 1.0.0',
    'other: package.json says 2.0.0, the lock nothing',
  ]);
});
