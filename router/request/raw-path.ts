import { AppError } from '#shared/contract/errors.ts';

const modelPrefix = '/v1/models/';
/** A path in its plain form: no empty or dotted segment, no backslash, no escape. */
const plain = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/;

/**
 * Looks at the raw request target before anything parses it: a URL parser would turn `\` into `/` and fold `..`. The id of
 * `/v1/models/{id}` may hold `%2f`, which SDKs send for `Qwen/Qwen2.5`; anywhere else an escape is not plain.
 * @throws AppError `invalid_path`
 */
export function assertPlainPath(target: string): void {
  const path = pathOf(target);
  if (path.startsWith(modelPrefix) && path.length > modelPrefix.length) void modelIdOf(target);
  else if (!plain.test(path) && path !== '/') throw new AppError('invalid_path');
}

/** The id in the raw target `/v1/models/{id}`. @throws AppError `invalid_path` */
export function modelIdOf(target: string): string {
  const parts = pathOf(target).slice(modelPrefix.length).split(/%2f/i);
  if (!parts.every((part) => plain.test(`/${part}`))) throw new AppError('invalid_path');
  return parts.join('/');
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}
