import type { IncomingMessage } from 'node:http';
import { chatCompletions } from '../apis/chat-completions.ts';
import { completions } from '../apis/completions.ts';
import { embeddings } from '../apis/embeddings.ts';
import type { GenerationApi } from '../apis/generation-api.ts';
import { countTokens, messages } from '../apis/messages.ts';
import { parseBody } from '../apis/read-request.ts';
import { ResponseShelf } from '../apis/response-shelf.ts';
import { cancelResponse, keptResponse, responsesApi } from '../apis/responses.ts';
import { bodyText } from './read-body.ts';
import { sendJson } from './reply.ts';
import type { Route } from './route.ts';
import type { CompletionDesk } from './serve-completions.ts';
import { objectError } from '../model/vllm-errors.ts';

/** Stands for the path of one response, whatever its id. */
export const onePath = '/v1/responses/{id}';

/** Paths and methods of every API that asks the model. */
export function generationRoutes(desk: CompletionDesk, maxBodyBytes: number): [string, Route[]][] {
  const shelf = new ResponseShelf();
  const generation = (api: GenerationApi): [string, Route[]] => [
    api.path,
    [
      {
        method: 'POST',
        errorBody: api.error,
        async handle(request, response) {
          refuseUnlessJson(request);
          desk.refuseUnlessServing();
          const text = await bodyText(request, response, maxBodyBytes);
          desk.answer({ api, text, response, requestId: String(response.getHeader('x-request-id')) });
        },
      },
    ],
  ];
  const count: Route = {
    method: 'POST',
    errorBody: messages.error,
    async handle(request, response) {
      refuseUnlessJson(request);
      desk.refuseUnlessServing();
      const text = await bodyText(request, response, maxBodyBytes);
      sendJson(response, 200, countTokens(parseBody(text, desk.limits), desk.limits));
    },
  };
  return [
    ...[chatCompletions, completions, messages, responsesApi(shelf), embeddings].map(generation),
    [`${messages.path}/count_tokens`, [count]],
    [
      onePath,
      [{ method: 'GET', handle: (request, response) => sendJson(response, 200, keptResponse(shelf, idOf(request))) }],
    ],
    [
      `${onePath}/cancel`,
      [
        {
          method: 'POST',
          handle: (request, response) => sendJson(response, 200, cancelResponse(shelf, idOf(request))),
        },
      ],
    ],
  ];
}

function refuseUnlessJson({ headers }: IncomingMessage): void {
  const message = "1 validation error:\n  Unsupported Media Type: Only 'application/json' is allowed";
  if (headers['content-type']?.startsWith('application/json') === true) return;
  throw objectError({ status: 400, message, type: 'Bad Request' });
}

function idOf({ url = '' }: IncomingMessage): string {
  return decodeURIComponent(url.split(/[/?]/)[3] ?? '');
}
