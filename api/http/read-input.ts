import type { z } from 'zod';
import { AppError, type InputProblem } from '#shared/contract/errors.ts';

/**
 * A request's body within `maxBytes`, undefined when there is none.
 * @throws AppError `request_too_large`, `invalid_body` when it ended early.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  if (request.body === null) return undefined;
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of request.body) {
      size += part.length;
      if (size > maxBytes) throw bodyTooLarge(maxBytes);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('invalid_body', { message: 'The body ended early.', cause: error });
  }
  return size === 0 ? undefined : joined(parts, size);
}

/** The error for a body of more bytes than that. */
export function bodyTooLarge(maxBytes: number): AppError {
  return new AppError('request_too_large', { message: `The body is larger than ${maxBytes} bytes.` });
}

/**
 * A request's JSON object; a byte order mark before it is skipped, as everywhere in Fairway.
 * @throws AppError `unsupported_media_type`, `request_too_large`, and `invalid_body` for what is no JSON object in UTF-8.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<object> {
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!/^application\/([\w.-]+\+)?json$/.test(mediaType))
    throw new AppError('unsupported_media_type', {
      message: `Send the body as application/json, not as ${mediaType || 'untyped bytes'}.`,
    });
  const body = await readBody(request, maxBytes);
  if (body === undefined) throw new AppError('invalid_body', { message: 'The body is empty. Send a JSON object.' });
  return parseJsonObject(body);
}

/** As `readJsonBody`; no body is an empty object. */
export async function readOptionalJsonBody(request: Request, maxBytes: number): Promise<object> {
  const announced = Number(request.headers.get('content-length') ?? 0) > 0 || request.headers.has('transfer-encoding');
  return announced ? readJsonBody(request, maxBytes) : {};
}

/** A JSON object in UTF-8. @throws AppError `invalid_body`. */
export function parseJsonObject(bytes: Uint8Array): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new AppError('invalid_body', { message: 'The body is not JSON in UTF-8.' });
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new AppError('invalid_body');
  return value;
}

/** The input as the schema reads it. @throws AppError `unprocessable` with every problem. */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.infer<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new AppError('unprocessable', { problems: inputProblems(parsed.error) });
}

/** Every problem that a schema found, each with its dotted path (`spec.model_deployments.0.accelerators`). */
export function inputProblems(error: z.ZodError): InputProblem[] {
  return error.issues.flatMap((issue) => problemsOf(issue, []));
}

function problemsOf(issue: z.core.$ZodIssue, prefix: readonly PropertyKey[]): InputProblem[] {
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

function joined(parts: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
