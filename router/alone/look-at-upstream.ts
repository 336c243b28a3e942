import { request, type Dispatcher } from 'undici';
import { z } from 'zod';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { engineKindOf, type EngineKind } from './engine-kinds.ts';
import type { UpstreamAddress } from './upstream-address.ts';

const modelListSchema = z.object({
  data: z.array(
    z.object({
      id: z.string().min(1),
      /** What it is made of: models with one root are one model under several names (vLLM). */
      root: z.string().nullish(),
      /** The model that an adapter belongs to (vLLM, SGLang). */
      parent: z.string().nullish(),
      owned_by: z.string().optional(),
      max_model_len: z.int().nullish(),
      meta: z.object({ n_ctx: z.int().optional() }).nullish(),
    }),
  ),
});

/** A model as an upstream lists it. */
export interface ListedModel {
  readonly id: string;
  readonly root: string | undefined;
  readonly parent: string | undefined;
  /** 0 if the upstream does not say. */
  readonly contextTokens: number;
}

/** What an upstream serves, or why that is not known. */
export type UpstreamLook =
  | { readonly engine: EngineKind; readonly showsMetrics: boolean; readonly models: readonly ListedModel[] }
  | { readonly problem: string };

/** Asks an upstream which models it serves, and by its metrics what it is; never throws. */
export async function lookAtUpstream(upstream: UpstreamAddress, options: LookOptions): Promise<UpstreamLook> {
  const headers = upstream.key === '' ? {} : { authorization: `Bearer ${upstream.key}` };
  const ask = async (path: string) => {
    const { statusCode, body } = await request(`${upstream.url}${path}`, { ...options, headers });
    return { status: statusCode, text: await body.text() };
  };
  const [models, metrics] = await Promise.allSettled([ask('/v1/models'), ask('/metrics')]);
  if (models.status === 'rejected') return { problem: problemOf(models.reason) };
  const { status, text } = models.value;
  if (status === 401 || status === 403) return { problem: deniedBy(upstream, status) };
  if (status >= 500) return { problem: `answers ${status} to GET /v1/models: it may be starting` };
  const { data: list } = modelListSchema.safeParse(status === 200 ? parseJson(text) : undefined);
  if (list === undefined)
    return {
      problem: `is no OpenAI-compatible server, or is one below another path: GET ${upstream.basePath}/v1/models says ${status}${status === 200 ? ' and no list of models' : ''}`,
    };
  const shown = metrics.status === 'fulfilled' && metrics.value.status === 200 ? metrics.value.text : undefined;
  return {
    engine: engineKindOf(shown, list.data[0]?.owned_by),
    showsMetrics: shown !== undefined,
    models: list.data.map(({ id, root, parent, max_model_len: length, meta }) => ({
      id,
      root: root ?? undefined,
      parent: parent ?? undefined,
      contextTokens: length ?? meta?.n_ctx ?? 0,
    })),
  };
}

/** Connections of the looks, which bound their times, and their end. */
export interface LookOptions {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

function deniedBy({ key }: UpstreamAddress, status: number): string {
  return key === ''
    ? `asks for a key (${status}): give it one, see --help`
    : `refuses its key (${status}): give it another one, see --help`;
}

/** Sources: Node's and OpenSSL's codes of errors, undici's errors. */
function problemOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ECONNREFUSED') return 'nobody listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its host name is not known (${code})`;
  if (/TIMEOUT|TIMEDOUT|ABORT/.test(code)) return 'does not answer in time';
  if (/CERT|SIGNATURE|SELF_SIGNED|ALTNAME/.test(code))
    return `its certificate is not trusted (${code}): name the file of its CA in NODE_EXTRA_CA_CERTS`;
  if (/^HPE_|SSL|PROTO/.test(code))
    return `speaks another protocol (${code}): is it http or https, and its port right?`;
  return `cannot be reached (${code})`;
}
