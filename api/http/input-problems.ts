import type { z } from 'zod';
import type { InputProblem } from '#shared/contract/errors.ts';

type Issue = z.core.$ZodIssue;

/** Every problem that a schema found, each with its dotted path (`spec.model_deployments.0.accelerators`). */
export function inputProblems(error: z.ZodError, prefix: readonly PropertyKey[] = []): InputProblem[] {
  return error.issues.flatMap((issue) => problemsOf(issue, prefix));
}

function problemsOf(issue: Issue, prefix: readonly PropertyKey[]): InputProblem[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: dotted([...path, key]), message: 'is not known here; leave it out' }));
  if (issue.code === 'invalid_union') {
    const nearest = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    if (nearest.length > 0) return nearest.flatMap((inner) => problemsOf(inner, path));
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return [{ path: dotted(path), message: `is required (${issue.expected})` }];
  return [{ path: dotted(path), message: issue.message }];
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}
