import type { Msg } from '@nats-io/nats-core';
import type { Counter } from 'prom-client';
import { commandVerbOf, commandVerbs, type CommandReply } from '#shared/contract/commands.ts';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { serveSubject, type ServedSubject } from '#shared/runtime/nats/serve-subject.ts';
import type { TokenLookup } from '../../http/api-tokens.ts';
import { authenticate, requireScope } from '../../http/authenticate.ts';
import { renderError } from '../../http/error-reply.ts';
import type { RateLimits } from '../../http/rate-limits.ts';
import { bodyTooLarge, parseJsonObject } from '../../http/read-input.ts';
import type { Answer, RegionContext } from '../endpoints/region-context.ts';
import { verbs } from './verbs.ts';

/** What automation over NATS runs on. */
export interface CommandsOptions {
  nats: Nats;
  context: RegionContext;
  lookup: TokenLookup;
  limits: RateLimits;
  log: Logger;
  newRequestId: () => string;
  /** Most commands at work, of which more are answered with `overloaded`, and the largest: as of requests. */
  bounds: { FAIRWAY_REQUESTS_MAX: number; FAIRWAY_BODY_MAX_BYTES: number };
  answered: Counter<'verb' | 'status'>;
}

/** Processes of a region share the commands. */
const queueGroup = 'fairway-api-regional';

/** Where clients of NATS wait for replies, and where another account's replies arrive. */
const replyForm = /^_(INBOX|R_)/;

/**
 * Serves `fairway.v1.<team>.<region>.cmd.<verb>`: request and reply, with the schemas and use cases of REST. The command
 * carries an API token; the team in the subject must be the token's. A command that nobody waits for is not carried out:
 * its answer, the only place where a token is shown, would be lost.
 */
export function startCommands(options: CommandsOptions): ServedSubject {
  const { nats, context, log } = options;
  const { region, clock } = context;
  const running = new Set<Promise<void>>();
  const place = { nats, clock, log, subject: subjects.commandsOfRegion(region), queue: queueGroup };
  const served = serveSubject(place, (message) => take(message, running, options));
  return {
    serving: () => served.serving(),
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await Promise.all(running);
    },
  };
}

function take(message: Msg, running: Set<Promise<void>>, options: CommandsOptions): void {
  const { bounds, log, answered } = options;
  const [, , team = '', , , verb = ''] = message.subject.split('.');
  const known = commandVerbOf(verb) ?? 'other';
  if (message.reply === undefined || !replyForm.test(message.reply)) {
    answered.inc({ verb: known, status: 'no_reply' });
    log.warn({ team, verb }, 'command.without_reply');
    return;
  }
  const end = (result: CommandReply): void => {
    answered.inc({ verb: known, status: String(result.status) });
    reply(message, result);
  };
  if (running.size >= bounds.FAIRWAY_REQUESTS_MAX) return end(failure(new AppError('overloaded'), ''));
  const work = answer(message, { team, verb }, options)
    .then(end)
    .finally(() => running.delete(work));
  running.add(work);
}

async function answer(
  message: Msg,
  { team, verb }: { team: string; verb: string },
  options: CommandsOptions,
): Promise<CommandReply> {
  const requestId = options.newRequestId();
  let result: CommandReply;
  try {
    const { status, body } = await run(message, { team, verb, requestId }, options);
    result = { v: 1, status, body };
  } catch (error) {
    const known = toAppError(error);
    if (known.status >= 500)
      options.log.warn({ err: known.cause ?? known, code: known.code, requestId }, 'command.failed');
    result = failure(known, requestId);
  }
  options.log.info({ requestId, team, verb, status: result.status }, 'command.answered');
  return result;
}

async function run(
  message: Msg,
  { team, verb, requestId }: { team: string; verb: string; requestId: string },
  { context, lookup, limits, log, bounds }: CommandsOptions,
): Promise<Answer<unknown>> {
  const known = commandVerbOf(verb);
  if (known === undefined)
    throw new AppError('unknown_route', { message: `There is no command ${verb}; use ${commandVerbs.join(', ')}.` });
  if (message.data.length > bounds.FAIRWAY_BODY_MAX_BYTES) throw bodyTooLarge(bounds.FAIRWAY_BODY_MAX_BYTES);
  const json = parseJsonObject(message.data);
  const principal = authenticate(`Bearer ${textOf(json, 'token')}`, lookup, context.clock.now());
  const { refusal } = limits.take(principal.tokenId);
  if (refusal !== null) throw refusal;
  if (principal.team !== team) {
    log.warn({ requestId, tokenId: principal.tokenId, team: principal.team, verb, owner: team }, 'command.foreign');
    throw new AppError('forbidden', { message: `The API token is not of team ${team}.` });
  }
  requireScope(principal, verbs[known].scope);
  const idempotencyKey = textOf(json, 'idempotencyKey') || undefined;
  return verbs[known].run(context, { principal, requestId, idempotencyKey, dryRun: false }, json);
}

function textOf(json: object, key: string): string {
  const value: unknown = Object.entries(json).find(([name]) => name === key)?.[1];
  return typeof value === 'string' ? value : '';
}

function failure(error: AppError, requestId: string): CommandReply {
  const { status, body } = renderError(error, requestId);
  return { v: 1, status, body };
}

/** A reply that cannot be sent is the asker's time-out; the intent ids make asking again safe. */
function reply(message: Msg, result: CommandReply): void {
  try {
    message.respond(JSON.stringify(result));
  } catch {
    // The connection is closed for good: this process ends.
  }
}
