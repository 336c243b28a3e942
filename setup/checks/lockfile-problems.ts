/** What npm writes about one package in package-lock.json (version 3), as far as the check looks at it. */
interface LockEntry {
  version?: string;
  resolved?: string;
  integrity?: string;
  link?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface Lockfile {
  lockfileVersion: number;
  packages: Record<string, LockEntry>;
}

/** The fields of package.json that the lockfile repeats. */
export interface PackageManifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const platforms = [
  ['linux', 'x64', 'glibc'],
  ['linux', 'x64', 'musl'],
  ['linux', 'arm64', 'glibc'],
  ['linux', 'arm64', 'musl'],
  ['darwin', 'x64', undefined],
  ['darwin', 'arm64', undefined],
] as const;

/**
 * What would make `npm ci` fail somewhere, or bind the lockfile to one registry: a package made per platform whose
 * binding for a supported platform is not in the lock, a missing hash, an address, a difference from package.json. Each
 * problem is a sentence.
 */
export function lockfileProblems(lock: Lockfile, manifest: PackageManifest): string[] {
  const packages = Object.entries(lock.packages).filter(([name]) => name !== '');
  return [
    ...(lock.lockfileVersion === 3 ? [] : [`lockfileVersion is ${lock.lockfileVersion}, not 3`]),
    ...differences(lock.packages['']?.dependencies, manifest.dependencies),
    ...differences(lock.packages['']?.devDependencies, manifest.devDependencies),
    ...differences(lock.packages['']?.optionalDependencies, manifest.optionalDependencies),
    ...packages.flatMap(([name, entry]) => entryProblems(name, entry)),
    ...packages.flatMap(([name, entry]) => bindingProblems(lock, name, entry)),
  ];
}

function differences(locked: Record<string, string> = {}, wanted: Record<string, string> = {}): string[] {
  const names = [...new Set([...Object.keys(locked), ...Object.keys(wanted)])];
  return names
    .filter((name) => locked[name] !== wanted[name])
    .map((name) => `${name}: package.json says ${wanted[name] ?? 'nothing'}, the lock ${locked[name] ?? 'nothing'}`);
}

function entryProblems(name: string, entry: LockEntry): string[] {
  if (entry.link) return [`${name} is a link to a folder of this machine`];
  return [
    ...(entry.integrity === undefined ? [`${name} has no integrity`] : []),
    ...(entry.resolved === undefined ? [] : [`${name} names the address it came from ("resolved")`]),
  ];
}

/** A package whose optional dependencies are made for a system and a processor needs one for each platform of ours. */
function bindingProblems(lock: Lockfile, owner: string, entry: LockEntry): string[] {
  const names = Object.keys(entry.optionalDependencies ?? {});
  const found = names.map((name) => ({ name, entry: resolve(lock, owner, name) }));
  const bindings = found.flatMap((one) => (one.entry?.os && one.entry.cpu ? [one.entry] : []));
  if (bindings.length === 0) return [];
  const absent = found
    .filter((one) => one.entry === undefined)
    .map((one) => `${owner}: ${one.name} is not in the lock`);
  const uncovered = platforms.filter((platform) => !bindings.some((binding) => fits(binding, platform)));
  return [
    ...absent,
    ...uncovered.map((platform) => `${owner} has no binding for ${platform.filter(Boolean).join(' ')}`),
  ];
}

function fits(entry: LockEntry, [os, cpu, libc]: (typeof platforms)[number]): boolean {
  const rightLibc = libc === undefined || entry.libc === undefined || entry.libc.includes(libc);
  return Boolean(entry.os?.includes(os) && entry.cpu?.includes(cpu) && rightLibc);
}

/** As Node does it: the nearest node_modules upwards. */
function resolve(lock: Lockfile, owner: string, name: string): LockEntry | undefined {
  const parts = `${owner}/`.split('node_modules/');
  const folders = parts.map((_, depth) => parts.slice(0, depth + 1).join('node_modules/')).toReversed();
  return folders.map((folder) => lock.packages[`${folder}node_modules/${name}`]).find((entry) => entry !== undefined);
}
