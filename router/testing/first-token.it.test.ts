import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { contentOf, eventsOf } from './chat-frames.ts';
import { ask } from './client.ts';
import { startEdge, type Edge } from './router-fixture.ts';
import { startScriptedUpstream, streamWords } from './scripted-upstream.ts';

let edge: Edge;
const started = endAfterAll();
beforeAll(async () => {
  edge = await started.use(startEdge());
});

const body = JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content: 'hi' }] });

describe('a streamed completion', () => {
  it('goes through the router to a replica and back', async () => {
    await using upstream = await startScriptedUpstream(streamWords('Hello', ' there'));
    const endpoint = await edge.addEndpoint([upstream.port]);
    await using router = await edge.startRouter();
    const reply = await ask({ url: router.url, headers: { authorization: `Bearer ${endpoint.token}` }, body });
    expect(reply.text).toContain('[DONE]');
    expect(reply.status).toBe(200);
    expect(contentOf(reply.text)).toBe('Hello there');
    expect(eventsOf(reply.text).at(-1)).toBe('[DONE]');
    expect(reply.text).not.toContain('usage');
    expect(reply.headers['x-request-id']).toMatch(/^req_/);
    expect(upstream.seen[0]?.headers.authorization).toBe('Bearer upstream-secret');
  });
});
