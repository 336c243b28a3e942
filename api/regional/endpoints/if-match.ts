import { AppError } from '#shared/contract/errors.ts';

/** The entity tag of a revision. */
export function entityTag(revision: number): string {
  return `"${revision}"`;
}

/** @throws AppError `version_mismatch` when an If-Match header is given and names another revision (RFC 9110 §13.1.1). */
export function requireMatch(ifMatch: string | undefined, revision: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (tags.includes(entityTag(revision))) return;
  throw new AppError('version_mismatch', {
    message: `The resource stands at revision ${revision}, not at ${ifMatch.trim()}. Read it again, then decide.`,
    details: { revision },
  });
}
