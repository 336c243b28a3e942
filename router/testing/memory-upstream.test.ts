import { describe } from 'vitest';
import { MemoryUpstream } from './memory-upstream.ts';
import { upstreamContract } from '../forward/upstream.contract.ts';

describe('MemoryUpstream', () => {
  upstreamContract((steps) => {
    const upstream = new MemoryUpstream(() => steps ?? [{ fail: 'connect' }]);
    return Promise.resolve({
      upstream,
      target: { replicaId: 'a', address: '127.0.0.1', port: 1 },
      bodies: () => upstream.sent.map(({ body }) => body),
      release: () => upstream.sent.forEach((exchange) => exchange.release()),
      aborted: () => upstream.sent.filter(({ aborted }) => aborted).length,
      [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
    });
  });
});
