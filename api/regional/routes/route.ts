import type { RouteConfig } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';
import { AppError, type ErrorCode } from '#shared/contract/errors.ts';
import { uuidSchema } from '#shared/contract/ids.ts';
import { BodyError, readJsonBody } from '../../http/read-json-body.ts';
import type { ScopeVariables } from '../../http/request-scope.ts';
import { entityTag } from '../endpoints/if-match.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';

/** What the middleware leaves for handlers. */
export interface ApiEnv {
  Variables: ScopeVariables & { call: Call };
}

/** The API as a Hono app. */
export type ApiApp = Hono<ApiEnv>;

/** What a handler works with. */
export interface RouteOptions {
  context: RegionContext;
  bodyMaxBytes: number;
}

/** One operation: its description for OpenAPI, and what it does for an authenticated call. */
export interface Route {
  doc: RouteConfig;
  handle: (c: Context<ApiEnv>, options: RouteOptions) => Promise<Answer<unknown>>;
}

/** The endpoint's id in the path. @throws AppError `not_found` for what cannot be an id. */
export function endpointIdOf(c: Context<ApiEnv>): string {
  const id = uuidSchema.safeParse(c.req.param('id')?.toLowerCase());
  if (!id.success) throw new AppError('not_found');
  return id.data;
}

const bodyCodes: Record<BodyError['kind'], ErrorCode> = {
  too_large: 'body_too_large',
  not_json: 'invalid_body',
  media_type: 'unsupported_media_type',
};

/** The JSON object that was sent. @throws AppError. */
export async function bodyOf(c: Context<ApiEnv>, maxBytes: number): Promise<object> {
  try {
    return await readJsonBody(c.req.raw, maxBytes);
  } catch (error) {
    if (error instanceof BodyError) throw new AppError(bodyCodes[error.kind], { message: error.message });
    throw new AppError('invalid_body', { message: 'The body ended early.', cause: error });
  }
}

/** Sends a use case's answer; DELETE's 202 is empty. */
export function send(c: Context<ApiEnv>, { status, body, revision }: Answer<unknown>): Response {
  if (revision !== null) c.header('etag', entityTag(revision));
  if (body === null) return c.body(null, status);
  c.header('content-type', 'application/json');
  return c.body(JSON.stringify(body), status);
}

/** The Idempotency-Key header. @throws AppError `bad_request`. */
export function idempotencyKeyOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(text)) return text;
  throw new AppError('bad_request', {
    message: 'The Idempotency-Key must be 1 to 255 printable ASCII characters.',
    problems: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }],
  });
}
