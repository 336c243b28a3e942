import type { IncomingMessage, ServerResponse } from 'node:http';
import type { VllmError } from '../model/vllm-errors.ts';

/** Answers one request. @throws VllmError to be shown to the client */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** What is done with one method of a path. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** Answers without the API key. */
  readonly open?: boolean;
  /** An error's body where the API has its own. */
  readonly errorBody?: ((error: VllmError) => unknown) | undefined;
  readonly handle: Handler;
}
