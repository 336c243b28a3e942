import { request } from 'undici';
import { z } from 'zod';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';

/** Where requests go. */
export interface Target {
  /** Up to, and without, `/v1`. */
  readonly url: string;
  readonly token: string | undefined;
  readonly model: string | undefined;
}

const lookMs = 10_000;

/** The part of a URL that every path is put behind, whichever of them its user gave along; undefined if it is none. */
export function baseOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin, pathname, search, username } = new URL(text);
  if (!/^https?:$/.test(protocol) || search !== '' || username !== '') return undefined;
  return origin + pathname.replace(/\/+$/, '').replace(/\/v1(\/models|\/chat\/completions)?$/, '');
}

/**
 * Asks the target for its models before anything is sent to it, and gives the one to ask for.
 * @throws ConfigError that says what is wrong with address, token or model, and what to do
 */
export async function checkTarget(target: Target, signal: AbortSignal): Promise<string> {
  const { url, token, model } = target;
  const at = `${url}/v1/models`;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const until = AbortSignal.any([signal, AbortSignal.timeout(lookMs)]);
  const { status, text } = await request(at, { headers, signal: until }).then(
    async ({ statusCode, body }) => ({ status: statusCode, text: await body.text() }),
    (error: unknown) => {
      signal.throwIfAborted();
      throw new ConfigError(whyNot(url, error), { cause: error });
    },
  );
  if (status === 401 || status === 403)
    throw new ConfigError(
      token === undefined
        ? `${at} answered ${status}: it wants an API key. Give FAIRWAY_TOKEN (or --token).`
        : `${at} answered ${status}: it does not know this API key. Correct FAIRWAY_TOKEN (or --token).`,
    );
  // Not every server has a list; what a request is answered is seen soon enough.
  if (status === 404 && model !== undefined) return model;
  if (status !== 200)
    throw new ConfigError(`${at} answered ${status}: ${text.slice(0, 300)}\nIs --url an OpenAI-compatible server?`);
  return chosen(at, modelsIn(text), model);
}

function chosen(at: string, models: readonly string[] | undefined, model: string | undefined): string {
  if (models === undefined) {
    if (model !== undefined) return model;
    throw new ConfigError(`${at} is no list of models, so --model must name one.`);
  }
  const [only] = models;
  const list = models.join(', ') || 'none';
  if (model !== undefined && !models.includes(model))
    throw new ConfigError(`The target has no model "${model}". It has: ${list}.`);
  if (model !== undefined) return model;
  if (only === undefined || models.length > 1) throw new ConfigError(`--model must name one of: ${list}.`);
  return only;
}

const listSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

function modelsIn(text: string): readonly string[] | undefined {
  return listSchema.safeParse(parseJson(text)).data?.data.map(({ id }) => id);
}

function whyNot(url: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const { host, hostname } = new URL(url);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `There is no host ${hostname} (${code}). Correct --url.`;
  if (code === 'ECONNREFUSED') return `Nobody listens at ${host}. Start the server, or correct --url.`;
  if (error instanceof Error && error.name === 'TimeoutError')
    return `${url} did not answer within ${lookMs / 1000} s. Is --url right, and the server well?`;
  const words = error instanceof Error ? error.message : String(error);
  if (/CERT|SELF_SIGNED|ISSUER/.test(code))
    return `${host} shows a certificate that this machine does not trust (${words}). Give its authority in NODE_EXTRA_CA_CERTS.`;
  return `${url} could not be asked: ${words}`;
}
