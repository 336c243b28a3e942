import { isRecord } from '#shared/runtime/is-record.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';

/** What has been seen of a stream that fails. */
export interface SeenOfStream {
  /** Whose it is, as its first event says. */
  readonly response?: { readonly id: unknown; readonly created_at: unknown; readonly model: unknown } | undefined;
  /** The number that its next event has. */
  readonly sequence?: number;
  /** The engine's own last event. */
  readonly failed?: Buffer | undefined;
}

/**
 * Ends a stream with `response.failed` and an `error` event. SDKs differ in what they notice: OpenAI's for Node looks at the
 * event's name, the one for Python at a member `error`, the AI SDK at both. Where no response has been seen the error comes
 * first: the helper of OpenAI's client takes a `response.failed` of nothing for a fault of its own, and hides the reason.
 * `body`: an error as OpenAI tells it.
 */
export function failedEnd(body: Buffer, { response, sequence = 0, failed }: SeenOfStream = {}): Buffer {
  const value = parseJson(body.toString());
  const error = isRecord(value) && isRecord(value['error']) ? value['error'] : {};
  const { message = 'The model server failed.', code = null, param = null } = error;
  const told = (sequence_number: number) => eventOf('error', { code, message, param, error, sequence_number });
  if (failed !== undefined) return Buffer.concat([failed, told(sequence)]);
  const reason = { code: 'server_error', message };
  const ended = { ...response, object: 'response', status: 'failed', error: reason, output: [] };
  const end = (sequence_number: number) => eventOf('response.failed', { response: ended, sequence_number });
  return Buffer.concat(
    response === undefined ? [told(sequence), end(sequence + 1)] : [end(sequence), told(sequence + 1)],
  );
}

function eventOf(type: string, members: object): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`);
}
