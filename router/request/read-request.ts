import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Caller } from '../access/authenticate.ts';
import type { PoolDirectory } from '../edge/pool-directory.ts';
import { readBody, type BodyLimits, type RequestBody } from './request-body.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { createScanner } from '../scan/scanner.ts';
import type { ScannedRequest, ScanProblem } from '../scan/scan-result.ts';

/** Longest body of a probe. */
const probeBytesMax = 64 * 1024;

/**
 * Reads and scans a body, piece by piece; a body that cannot be routed is refused as soon as that is known.
 * @throws AppError for a body that is too long, too slow, not JSON or ambiguous; BodyAbortedError when the client leaves.
 */
export async function readRequest(
  incoming: IncomingMessage,
  dialect: Dialect,
  into: { body: RequestBody; limits: BodyLimits },
): Promise<ScannedRequest> {
  assertJson(incoming);
  const scanner = createScanner(dialect.spans);
  const see = (piece: Buffer): void => {
    scanner.write(piece);
    if (scanner.problem !== undefined) throw problemOf(scanner.problem);
  };
  await readBody(incoming, into.limits, { body: into.body, see });
  const scan = scanner.end();
  if (!scan.ok) throw problemOf(scan);
  return scan;
}

/**
 * The pool that serves the model which a request asks for.
 * @throws AppError `model_not_found`, naming what may be asked for; `no_replica` while the endpoint has no pool at all.
 */
export function choosePool(pools: PoolDirectory, caller: Caller, model: string | undefined): PoolDocument {
  const allowed = caller.kind === 'proof' ? caller.pool.models : pools.models(caller.endpointId);
  if (allowed.length === 0)
    throw new AppError('no_replica', { message: 'The endpoint is not ready yet.', retryAfterMs: 5000 });
  if (model === undefined)
    throw new AppError('invalid_body', {
      message: `Name a model; this endpoint has ${allowed.join(', ')}.`,
      param: 'model',
    });
  const pool = caller.kind === 'proof' ? caller.pool : pools.byModel(caller.endpointId, model);
  if (pool === undefined || !allowed.includes(model)) {
    const message = `The model "${model.slice(0, 200)}" is not served here. This endpoint has: ${allowed.join(', ')}.`;
    throw new AppError('model_not_found', { message, param: 'model' });
  }
  return pool;
}

/** A probe's body with its output forced to one token. @throws AppError `invalid_body` */
export function probeBody(body: RequestBody): Uint8Array[] {
  if (body.bytes > probeBytesMax) throw new AppError('body_too_large');
  const value: unknown = JSON.parse(Buffer.concat(body.pieces).toString());
  if (value === null || typeof value !== 'object') throw new AppError('invalid_body');
  return [Buffer.from(JSON.stringify({ ...value, max_tokens: 1, max_completion_tokens: undefined, n: 1 }))];
}

function assertJson(incoming: IncomingMessage): void {
  const type = incoming.headers['content-type'];
  const encoding = incoming.headers['content-encoding'];
  const isJson = type === undefined || /^application\/(.+\+)?json\s*(;|$)/i.test(type);
  if (!isJson || (encoding !== undefined && encoding !== 'identity')) throw new AppError('unsupported_media_type');
}

function problemOf(problem: ScanProblem): AppError {
  const param = problem.key === undefined ? {} : { param: problem.key };
  const at = `at byte ${problem.at}`;
  switch (problem.code) {
    case 'duplicate_key':
    case 'escaped_key':
      return new AppError('ambiguous_body', {
        message: `"${problem.key}" is ${problem.code === 'duplicate_key' ? 'repeated' : 'spelled with escapes'} ${at}.`,
        ...param,
      });
    case 'invalid_value':
      return new AppError('invalid_body', {
        message: `"${problem.key}" has a value of the wrong type ${at}.`,
        ...param,
      });
    case 'too_deep':
      return new AppError('invalid_body', { message: `The body is nested too deeply ${at}.` });
    case 'not_an_object':
      return new AppError('invalid_body', { message: 'The body is JSON, but not an object.' });
    case 'invalid_json':
      return new AppError('invalid_body', { message: `The body is not JSON: it breaks ${at}.` });
  }
}
