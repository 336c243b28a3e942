/** The environment of this process: the one place that touches it, so that tests can pass their own. */
export function environment(): Record<string, string | undefined> {
  // oxlint-disable-next-line node/no-process-env -- the one reader, called by each process's config.ts
  return process.env;
}
