import { httpOrigin } from '#shared/runtime/http/http-origin.ts';
import type { AloneOptions } from './alone-options.ts';
import { titleOf } from './engine-kinds.ts';
import type { UpstreamState, UpstreamsEdgeSource } from './upstreams-edge-source.ts';

/** What a person sees once requests are taken: where, whom for, in front of what, and what to do next. */
export function welcome(
  { tokens, open }: Pick<AloneOptions, 'tokens' | 'open'>,
  source: Pick<UpstreamsEdgeSource, 'states' | 'pools' | 'problems'>,
  { url, adminUrl }: { url: string; adminUrl: string },
): string {
  const who = tokens.length > 0 ? 'those who have the token' : open ? 'whoever reaches it' : 'this machine alone';
  const names = source.pools().flatMap(({ models, adapters = [] }) => [...models, ...adapters]);
  const [model = 'MODEL'] = names;
  const auth = tokens.length > 0 ? ` -H "Authorization: Bearer $FAIRWAY_TOKEN"` : '';
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello!' }] });
  return [
    `Fairway routes at ${url}/v1 for ${who}.`,
    '',
    ...source.states().map((state) => `  ${lineOf(state)}`),
    ...source.problems().map((problem) => `  ${problem}`),
    '',
    `Models: ${names.length > 0 ? names.join(', ') : 'none yet; each upstream joins when it answers'}`,
    '',
    `  curl ${reachable(url)}/v1/chat/completions${auth} -H 'Content-Type: application/json' -d '${body.replaceAll("'", String.raw`'\''`)}'`,
    '',
    `What happens: ${adminUrl}/metrics, /readyz, and /debug/route/<x-request-id of an answer>. Ctrl-C ends it once its streams have`,
    'ended, twice at once.',
    '',
  ].join('\n');
}

function lineOf({ upstream, look }: UpstreamState): string {
  if (look === undefined) return `${upstream.url} has not answered yet; it joins when it does`;
  if ('problem' in look) return `${upstream.url} ${look.problem}; it joins when that is over`;
  const { engine, showsMetrics, models } = look;
  const served = models.length > 5 ? `${models.length} models` : models.map(({ id }) => id).join(', ');
  const hint = engine === 'llama-cpp' && !showsMetrics ? '; start it with --metrics, else its load is not known' : '';
  return `${upstream.url} ${titleOf(engine)}, serves ${served}${hint}`;
}

/** An address that a client can use, of one that may stand for all of a machine's. */
function reachable(url: string): string {
  const { hostname, port } = new URL(url);
  return hostname === '0.0.0.0' || hostname === '[::]' ? httpOrigin('127.0.0.1', Number(port)) : url;
}
