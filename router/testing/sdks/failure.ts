import { isRecord } from '#shared/runtime/is-record.ts';

/** What the user of an SDK can see of an error. */
export interface Failure {
  readonly name: string;
  /** Undefined where it came after a 200. */
  readonly status: number | undefined;
  /** Everything it says. */
  readonly text: string;
}

/** Reads whatever an SDK throws, or hands over as content. */
export function failureOf(thrown: unknown): Failure {
  const parts = chainOf(thrown);
  const statuses = parts.flatMap((part) => [part['status'], part['statusCode'], statusIn(part['message'])]);
  const status = statuses.find((one): one is number => typeof one === 'number');
  const name = thrown instanceof Error ? thrown.constructor.name : 'an object';
  const text = parts.map((part) => `${String(part['message'])} ${JSON.stringify(part)}`).join(' ');
  return { name, status, text };
}

/** An error and what it is wrapped around. */
function chainOf(thrown: unknown): Record<string, unknown>[] {
  if (!isRecord(thrown)) return typeof thrown === 'string' ? [{ message: thrown }] : [];
  return [thrown, ...chainOf(thrown['cause'] ?? thrown['lastError'])];
}

/** DoTs has no field for it. */
function statusIn(message: unknown): number | undefined {
  const found = /^HTTP (\d{3})/.exec(String(message))?.[1];
  return found === undefined ? undefined : Number(found);
}
