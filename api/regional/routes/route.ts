import type { Context, Hono } from 'hono';
import type { z } from 'zod';
import { AppError, type ErrorCode } from '#shared/contract/errors.ts';
import { uuidSchema } from '#shared/contract/ids.ts';
import type { Scope } from '#shared/contract/identity.ts';
import type { TokenLookup } from '../../http/api-tokens.ts';
import type { ScopeVariables } from '../../http/request-scope.ts';
import { publicOrigin } from '../../http/public-origin.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';

import type { EventStreams } from './event-streams.ts';

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
  lookup: TokenLookup;
  eventStreams: EventStreams;
}

/** One operation: what it needs, what it does for an authenticated call that has the scope, and how it is described. */
export interface Route {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  path: string;
  operationId: string;
  summary: string;
  /** What a person has to know beside the summary, in sentences. */
  description: string;
  scope: Scope | readonly Scope[];
  query?: z.ZodObject;
  body?: z.ZodType;
  /** A request without a body asks for what is usual. */
  bodyOptional?: boolean;
  /** It can be tried out: `dry_run=true` stores nothing. */
  dryRun?: true;
  success: { status: 200 | 202 | 204; description: string };
  /** The answer has a revision: an `ETag`, and a change can be waited for. */
  revised?: true;
  /** `If-Match` is obeyed. */
  conditional?: true;
  /** Who asks for `text/event-stream` gets one. */
  streams?: true;
  /** What it may answer beside that which every operation of its kind may. */
  failures?: ErrorCode[];
  handle: (c: Context<ApiEnv>, options: RouteOptions) => Promise<Answer<unknown> | Response>;
}

/** The endpoint's id in the path. @throws AppError `not_found` for what cannot be an id. */
export function endpointIdOf(c: Context<ApiEnv>): string {
  return idOf(c, 'id');
}

/** An id in the path. @throws AppError `not_found` for what cannot be an id. */
export function idOf(c: Context<ApiEnv>, name: string): string {
  const id = uuidSchema.safeParse(c.req.param(name)?.toLowerCase());
  if (!id.success) throw new AppError('not_found');
  return id.data;
}

/** What the page links of a list start with: its address as the client sees it, without the query. */
export function listUrlOf(c: Context<ApiEnv>): string {
  return `${publicOrigin(c.req.raw)}${c.req.path}`;
}

/** What an Idempotency-Key may be: 1 to 255 printable ASCII characters without blanks around them. */
export const idempotencyKeyForm = /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** What a Last-Event-ID may be: the id of an event, or empty as from a reader that has seen none. */
export const eventIdForm = /^\d{0,15}$/;
