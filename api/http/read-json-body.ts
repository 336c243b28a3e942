/** Why a body could not be read. */
export class BodyError extends Error {
  override name = 'BodyError';
  readonly kind: 'too_large' | 'not_json' | 'media_type';

  constructor(kind: 'too_large' | 'not_json' | 'media_type', message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * A request's body within `maxBytes`, undefined when there is none.
 * @throws BodyError `too_large`.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const tooLarge = (): BodyError => new BodyError('too_large', `The body is larger than ${maxBytes} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  if (request.body === null) return undefined;
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body) {
    size += part.length;
    if (size > maxBytes) throw tooLarge();
    parts.push(part);
  }
  if (size === 0) return undefined;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * A request's JSON object.
 * @throws BodyError for another media type, a body that is too large, and anything that is not a JSON object in UTF-8.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<object> {
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!/^application\/([\w.-]+\+)?json$/.test(mediaType))
    throw new BodyError('media_type', `Send the body as application/json, not as ${mediaType || 'untyped bytes'}.`);
  const body = await readBody(request, maxBytes);
  if (body === undefined) throw new BodyError('not_json', 'The body is empty. Send a JSON object.');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new BodyError('not_json', 'The body is not JSON in UTF-8.');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new BodyError('not_json', 'The body is not a JSON object.');
  return value;
}
