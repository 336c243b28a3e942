import { AppError } from '#shared/contract/errors.ts';
import type { Caller } from '../access/authenticate.ts';
import type { ScanProblem } from '../scan/scanned-body.ts';
import type { ScanQueue } from '../scan/scan-queue.ts';
import { Scanner } from '../scan/scanner.ts';
import { findKept, type Lookup } from './kept-answer.ts';
import { probeBytesMax, type InferenceRequest } from './inference-request.ts';
import { assertWithinLimits } from './parameter-limits.ts';
import { readBody, type BodyLimits } from './request-body.ts';
import { choosePool } from './served-models.ts';

/**
 * Reads and scans a body, piece by piece, and finds the pool that it is for; a body that cannot be routed is refused as soon
 * as that is known.
 * @throws AppError for a body that is too long, too slow, not JSON or ambiguous, above a limit, for a model that is not served
 * or an answer that is not kept;
 * BodyAbortedError when the client leaves.
 */
export async function readRequest(
  request: InferenceRequest,
  caller: Caller,
  { limits, gate, picker, scans }: { limits: BodyLimits & { choicesMax: number }; scans: ScanQueue } & Lookup,
): Promise<void> {
  const { incoming, body, dialect } = request;
  assertJson(incoming.headers['content-type'], incoming.headers['content-encoding']);
  using scanning = scans.open(new Scanner(scans.rules(dialect.body)), body);
  const grown = (): void => {
    scanning.grown();
    if (scanning.problem !== undefined) throw problemOf(scanning.problem);
  };
  body.belongTo(caller.endpointId);
  const bytesMax = caller.kind === 'proof' ? Math.min(probeBytesMax, limits.bytesMax) : limits.bytesMax;
  await readBody(incoming, { ...limits, bytesMax }, { body, grown, gone: request.reply.gone });
  const scan = await scanning.end();
  if (!scan.ok) throw problemOf(scan);
  const pool = choosePool(gate.pools, caller, { model: scan.model, param: dialect.modelField });
  assertWithinLimits(scan, dialect.body, {
    ...pool.routing,
    choicesMax: pool.routing?.choicesMax ?? limits.choicesMax,
  });
  const lookup = { gate, picker, param: dialect.previousField };
  const previous = scan.previous === undefined ? undefined : await findKept(scan.previous, caller, lookup);
  request.accept(scan, { caller, pool, continues: previous?.answer });
}

function assertJson(type: string | undefined, encoding: string | undefined): void {
  const isJson = type === undefined || /^application\/(.+\+)?json\s*(;|$)/i.test(type);
  const isPlain = encoding === undefined || /^\s*(identity)?\s*$/i.test(encoding);
  if (!isJson || !isPlain) throw new AppError('unsupported_media_type');
}

function problemOf({ code, at: place, key }: ScanProblem): AppError {
  const at = `at byte ${place}`;
  const param = key === undefined ? {} : { param: key };
  switch (code) {
    case 'duplicate_key':
      return new AppError('ambiguous_body', { message: `"${key}" is repeated ${at}.`, ...param });
    case 'escaped_key':
      return new AppError('ambiguous_body', { message: `"${key}" is spelled with escapes ${at}.`, ...param });
    case 'wrong_type':
      return new AppError('invalid_body', { message: `"${key}" has a value of the wrong type ${at}.`, ...param });
    case 'out_of_range':
      return new AppError('invalid_body', {
        message: `"${key}" is out of range ${at}: send a whole number that the API allows.`,
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
