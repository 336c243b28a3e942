import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '#shared/contract/errors.ts';
import { priorities, type Priority } from '../pick/wait/waiting-cost.ts';

const header = 'x-fairway-priority';

/**
 * How a client ranks a request among its own: undefined where it does not say.
 * @throws AppError `bad_request` for a word that is no priority: it would be taken for another than was meant.
 */
export function priorityOf(headers: IncomingHttpHeaders): Priority | undefined {
  const said = headers[header];
  if (said === undefined) return undefined;
  const priority = priorities.find((one) => one === said);
  if (priority !== undefined) return priority;
  throw new AppError('bad_request', { message: `${header} is none of: ${priorities.join(', ')}.`, param: header });
}
