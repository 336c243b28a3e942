import type { Router } from '../service.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { startScriptedUpstream, type Script, type ScriptedUpstream } from './scripted-upstream.ts';

/** One router, and one endpoint whose replicas are model servers that a test scripts. */
export interface OneRouter extends AsyncDisposable {
  readonly edge: Edge;
  readonly upstreams: [ScriptedUpstream, ...ScriptedUpstream[]];
  readonly endpoint: EdgeEndpoint;
  readonly router: Router;
}

/** Starts it on servers of its own; each replica answers by `script` until the test says otherwise. */
export async function startOneRouter(
  script: Script,
  { replicas = 2, models, env = {} }: { replicas?: number; models?: string[]; env?: Record<string, string> } = {},
): Promise<OneRouter> {
  await using stack = new AsyncDisposableStack();
  const edge = stack.use(await startEdge());
  const upstreams: OneRouter['upstreams'] = [stack.use(await startScriptedUpstream(script))];
  while (upstreams.length < replicas) upstreams.push(stack.use(await startScriptedUpstream(script)));
  const endpoint = await edge.addEndpoint(
    upstreams.map(({ port }) => port),
    models,
  );
  const router = stack.use(await edge.startRouter({ env }));
  const all = stack.move();
  return { edge, upstreams, endpoint, router, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
