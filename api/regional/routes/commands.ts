import type { Msg, Subscription } from '@nats-io/nats-core';
import { authenticate } from '../../http/authenticate.ts';
import { commandSchemas, commandVerbs, type CommandReply, type CommandVerb } from '#shared/contract/commands.ts';
import { renderError } from '../../http/error-reply.ts';
import { AppError, toAppError } from '#shared/contract/errors.ts';
import { inputProblems } from '../../http/input-problems.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import type { TokenLookup } from '../app.ts';
import { createEndpoint } from '../endpoints/create-endpoint.ts';
import { readCreateOrder } from '../endpoints/create-order.ts';
import { deleteEndpoint } from '../endpoints/delete-endpoint.ts';
import { getEndpoint } from '../endpoints/read-endpoints.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';

/** What automation over NATS runs on. */
export interface CommandsOptions {
  nats: Nats;
  context: RegionContext;
  lookup: TokenLookup;
  log: Logger;
  newRequestId: () => string;
  /** Most commands at work; more are answered with `overloaded`. */
  runningMax: number;
}

/** Processes of a region share the commands. */
const queueGroup = 'fairway-api-regional';

/**
 * Serves `fairway.v1.<team>.<region>.cmd.<verb>`: request and reply, with the schemas and use cases of REST. The command
 * carries an API token; the team in the subject must be the token's.
 */
export function startCommands(options: CommandsOptions): AsyncDisposable {
  const { nats, context, log, runningMax } = options;
  const running = new Set<Promise<void>>();
  const subscription: Subscription = nats.nc.subscribe(subjects.commandsOfRegion(context.region), {
    queue: queueGroup,
    callback: (error, message) => {
      if (error !== null) return log.warn({ reason: error.message }, 'commands.failing');
      if (running.size >= runningMax) return reply(message, failure(new AppError('overloaded'), ''));
      const work = answer(message, options).finally(() => running.delete(work));
      running.add(work);
    },
  });
  return {
    async [Symbol.asyncDispose]() {
      if (nats.up()) await subscription.drain().catch(() => {});
      await Promise.all(running);
    },
  };
}

async function answer(message: Msg, options: CommandsOptions): Promise<void> {
  const requestId = options.newRequestId();
  const [, , team = '', , , verb = ''] = message.subject.split('.');
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
  reply(message, result);
}

async function run(
  message: Msg,
  { team, verb, requestId }: { team: string; verb: string; requestId: string },
  { context, lookup }: CommandsOptions,
): Promise<Answer<unknown>> {
  const known = commandVerbs.find((name) => name === verb);
  if (known === undefined)
    throw new AppError('unknown_route', { message: `There is no command ${verb}; use ${commandVerbs.join(', ')}.` });
  const json = readJson(message);
  const principal = authenticate({
    authorization: `Bearer ${textOf(json, 'token')}`,
    lookup,
    now: context.clock.now(),
  });
  if (principal.team !== team) throw new AppError('forbidden', { message: `The API token is not of team ${team}.` });
  const idempotencyKey = textOf(json, 'idempotencyKey') || undefined;
  return carryOut(known, json, { context, call: { principal, requestId, idempotencyKey } });
}

async function carryOut(
  verb: CommandVerb,
  json: object,
  { context, call }: { context: RegionContext; call: Call },
): Promise<Answer<unknown>> {
  if (verb === 'create') {
    const order = readCreateOrder('body' in json ? json.body : undefined, context.region);
    parse('create', json);
    return createEndpoint(context, call, order);
  }
  const { id } = parse(verb, json);
  if (verb === 'get') return getEndpoint(context, call, id);
  return deleteEndpoint(context, call, { endpointId: id, ifMatch: undefined });
}

function parse<V extends CommandVerb>(verb: V, json: object): ReturnType<(typeof commandSchemas)[V]['parse']>;
function parse(verb: CommandVerb, json: object): unknown {
  const parsed = commandSchemas[verb].safeParse(json);
  if (!parsed.success) throw new AppError('unprocessable', { problems: inputProblems(parsed.error) });
  return parsed.data;
}

function readJson(message: Msg): object {
  try {
    const json: unknown = message.json();
    if (json !== null && typeof json === 'object' && !Array.isArray(json)) return json;
  } catch {
    // Told below, as for anything else that is not a JSON object.
  }
  throw new AppError('invalid_body');
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
    if (message.reply) message.respond(JSON.stringify(result));
  } catch {
    // The connection is closed for good: this process ends.
  }
}
