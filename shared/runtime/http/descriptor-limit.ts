/** How many file descriptors this process may have open, as the system says (`ulimit -n`); infinite where it says nothing. */
export function descriptorLimit(): number {
  // Names of peers are not looked up for this; @types/node does not know the member.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  const limit = Number(report.userLimits?.open_files?.soft);
  return limit > 0 ? limit : Number.POSITIVE_INFINITY;
}
