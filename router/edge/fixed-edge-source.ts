import type { EdgeCopy } from './edge-copy.ts';
import type { EdgeSource } from './edge-source.ts';
import type { EdgeState } from './state-file.ts';

/** A fixed list of pools and of who may call them, which never changes; reports go nowhere, and nobody misses them. */
export function startFixedEdgeSource(state: Pick<EdgeState, 'access' | 'pools'>, copy: EdgeCopy): EdgeSource {
  const message = (id: string, document: unknown) => ({
    subject: `fixed.${id}`,
    seq: 1,
    deleted: false,
    text: JSON.stringify(document),
  });
  for (const document of state.access) copy.take('access', message(document.endpointId, document));
  for (const document of state.pools) copy.take('pools', message(document.pool, document));
  for (const part of ['access', 'pools'] as const)
    copy.readingComplete(part, { region: '', id: 'fixed', adoptedAt: 0, lastSeq: 1 });
  return {
    poolRevision: () => 1,
    doubts: () => [],
    report: () => false,
    deliver: () => Promise.resolve(true),
    flush: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
