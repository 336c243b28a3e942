import type { z } from 'zod';
import {
  acceleratorReplySchema,
  acceleratorsReplySchema,
  caReplySchema,
  engineRequestSchema,
  gpuModelConfigReplySchema,
  newTokenReplySchema,
  routingReplySchema,
  sealingKeyReplySchema,
  sizesReplySchema,
  tokensReplySchema,
} from '#shared/contract/parts.ts';
import {
  createReplySchema,
  eventsReplySchema,
  listReplySchema,
  resourceReplySchema,
} from '#shared/contract/resource.ts';
import { gpuModelConfigRoute, sizesRoute } from './catalogue.ts';
import { createRoute } from './create.ts';
import { deleteRoute } from './delete.ts';
import { deleteEngineRoute, engineRoute, putEngineRoute } from './engine.ts';
import { eventsRoute } from './events.ts';
import { getRoute } from './get.ts';
import { listRoute } from './list.ts';
import { acceleratorRoute, acceleratorsRoute, caRoute } from './parts.ts';
import { patchRoute } from './patch.ts';
import type { Route } from './route.ts';
import { putRoutingRoute, routingRoute } from './routing.ts';
import { sealingKeyRoute } from './sealing-key.ts';
import { createTokenRoute, deleteTokenRoute, rotateTokenRoute, tokensRoute } from './tokens.ts';

/**
 * Every operation of the management API in the order of the document, with what it answers. Paths without an id come before
 * those in whose place one could stand.
 */
export const operations: readonly [route: Route, reply?: z.ZodType][] = [
  [createRoute, createReplySchema],
  [listRoute, listReplySchema],
  [sizesRoute, sizesReplySchema],
  [gpuModelConfigRoute, gpuModelConfigReplySchema],
  [sealingKeyRoute, sealingKeyReplySchema],
  [getRoute, resourceReplySchema],
  [patchRoute, resourceReplySchema],
  [deleteRoute],
  [eventsRoute, eventsReplySchema],
  [acceleratorsRoute, acceleratorsReplySchema],
  [acceleratorRoute, acceleratorReplySchema],
  [caRoute, caReplySchema],
  [tokensRoute, tokensReplySchema],
  [createTokenRoute, newTokenReplySchema],
  [rotateTokenRoute, newTokenReplySchema],
  [deleteTokenRoute],
  [routingRoute, routingReplySchema],
  [putRoutingRoute, routingReplySchema],
  [engineRoute, engineRequestSchema],
  [putEngineRoute, engineRequestSchema],
  [deleteEngineRoute, engineRequestSchema],
];

/** Every operation of the management API. */
export const apiRoutes: readonly Route[] = operations.map(([route]) => route);
