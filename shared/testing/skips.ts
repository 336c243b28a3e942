import { appendFileSync } from 'node:fs';

/** Something that a test needs and that a machine may lack. */
export interface Requirement {
  /** What is missing, as a noun: "a real kube-apiserver". */
  what: string;
  /** How to get it, as a command or a sentence. */
  how: string;
}

/**
 * Options for `test` or `describe`: skipped unless the condition holds. `npm test` shows what was skipped, and how to get
 * it, in one block at its end (they are collected in the file that FAIRWAY_SKIPS_FILE names, a JSON line each).
 *
 *     describe('on a real API server', skipUnless(found, { what: 'a real kube-apiserver', how: 'npm test -- --all' }), …)
 *
 * @throws with FAIRWAY_REQUIRE=all instead of skipping.
 */
export function skipUnless(condition: unknown, requirement: Requirement): { skip: boolean } {
  if (condition) return { skip: false };
  if (process.env['FAIRWAY_REQUIRE'] === 'all') {
    throw new Error(`Missing: ${requirement.what}. FAIRWAY_REQUIRE=all allows no skip. To get it: ${requirement.how}`);
  }
  const file = process.env['FAIRWAY_SKIPS_FILE'];
  if (file !== undefined && file !== '') appendFileSync(file, `${JSON.stringify(requirement)}\n`);
  return { skip: true };
}
