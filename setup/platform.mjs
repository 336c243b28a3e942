/** `linux-x64-glibc`, `linux-arm64-musl`, `darwin-arm64` …: what a downloaded binary depends on. */
export function platformKey() {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return base;
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  return `${base}-${glibc ? 'glibc' : 'musl'}`;
}

/** -1, 0, 1 as dotted version `a` is older than, equal to, or newer than `b`. */
export function compareVersions(a, b) {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
