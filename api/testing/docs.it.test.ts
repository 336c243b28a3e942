import { request } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { startFrontDoor, type FrontDoor } from './front-door.ts';

describe('the document and its page, through a front door', () => {
  const started = endAfterAll();
  let door: FrontDoor;

  beforeAll(async () => {
    door = await started.use(startFrontDoor());
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${door.url}${path}`, { headers });

  it.each(['/docs', '/openapi.json'])(
    '%s is there for everybody, and not sent again to whoever has it',
    async (path) => {
      const reply = await get(path);
      expect([reply.status, reply.headers.get('cache-control')]).toEqual([200, 'no-cache']);
      const tag = reply.headers.get('etag') ?? '';
      const body = await reply.text();
      const again = await get(path, { 'if-none-match': tag });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', tag]);
      const stale = await get(path, { 'if-none-match': '"other"' });
      expect([stale.status, await stale.text()]).toEqual([200, body]);
      const region = await fetch(`${door.region.apis[0]?.url}${path}`, { method: 'POST' });
      expect([region.status, region.headers.get('allow')]).toEqual([405, 'GET']);
    },
  );

  it('sends the page under a policy that lets nothing in, compressed where that is understood', async () => {
    const reply = await get('/docs');
    expect(reply.headers.get('content-type')).toBe('text/html; charset=UTF-8');
    expect(reply.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(reply.headers.get('access-control-allow-origin')).toBeNull();
    const whole = await text(await raw('/docs', 'identity'));
    const small = await raw('/docs', 'gzip');
    let bytes = 0;
    for await (const piece of small) bytes += piece.length;
    expect(small.headers['content-encoding']).toBe('gzip');
    expect(whole).toContain('</html>');
    expect(bytes * 5).toBeLessThan(whole.length);
    expect(bytes).toBeLessThan(50_000);
  });

  /** As it comes over the wire. */
  async function raw(path: string, encoding: string) {
    const sent = request(`${door.url}${path}`, { headers: { 'accept-encoding': encoding } });
    sent.end();
    const [reply] = await once(sent, 'response');
    return reply;
  }
});
