import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/contract/errors.ts';

/** A path in its plain form: no empty or dotted segment, no backslash, no escape. */
const plain = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/;
const hostForm = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d*)?$/;
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/i;

/**
 * Looks at the raw request target, host and framing before anything parses them: a URL parser would turn `\` into `/` and fold `..`.
 * A target in absolute form becomes a path, and its host the request's (RFC 9112 §3.2.2). Below each of
 * `modelsPaths` stands the id of a model, which may hold anything that a name may hold.
 * @throws AppError `invalid_path`, `bad_request`
 */
export function readTarget(
  incoming: Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'>,
  modelsPaths: readonly string[],
): void {
  const [, host, rest] = absoluteForm.exec(incoming.url ?? '') ?? [];
  if (host !== undefined && rest !== undefined) {
    incoming.headers.host = host;
    incoming.url = rest.startsWith('/') ? rest : `/${rest}`;
  }
  const path = pathOf(incoming.url ?? '');
  const modelsPath = modelsPaths.find((one) => path.startsWith(`${one}/`));
  if (modelsPath !== undefined) void modelIdOf(path, modelsPath);
  else if (!plain.test(path) && path !== '/') throw new AppError('invalid_path');
  if (!hostForm.test(incoming.headers.host ?? '') || hostsOf(incoming.rawHeaders) > 1)
    throw new AppError('bad_request', { message: 'The Host header is missing, repeated or not a host name.' });
  const coding = incoming.headers['transfer-encoding'] ?? 'chunked';
  if (coding.toLowerCase() !== 'chunked')
    throw new AppError('bad_request', { message: 'The only Transfer-Encoding that is known here is chunked.' });
}

/** Node keeps the first of several, and whoever stands before this router may have looked at another one. */
function hostsOf(rawHeaders: readonly string[]): number {
  return rawHeaders.filter((name, at) => at % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host').length;
}

/**
 * The id in a raw target below `modelsPath`: with its slashes as they are or as `%2f`, and with any other character escaped
 * or as bytes of UTF-8, once. @throws AppError `invalid_path`
 */
export function modelIdOf(target: string, modelsPath: string): string {
  const raw = pathOf(target).slice(modelsPath.length + 1);
  const id = decoded(raw);
  const isPlain = id.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
  // A second layer of escapes, a backslash or a control character could be read otherwise by the next one who looks.
  if (!isPlain || /[%\\\p{Cc}]/u.test(id)) throw new AppError('invalid_path');
  return id;
}

function decoded(raw: string): string {
  try {
    // Node hands bytes above 0x7f over as Latin-1.
    return decodeURIComponent(Buffer.from(raw, 'latin1').toString());
  } catch {
    throw new AppError('invalid_path');
  }
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}
