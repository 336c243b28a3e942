import { describe, expect, it } from 'vitest';
import { endToEndHeaders } from './forwarded-headers.ts';

describe('forwarded headers', () => {
  it('are all but those of one connection', () => {
    const headers = new Headers({
      authorization: 'Bearer t',
      etag: '"4"',
      'retry-after': '2',
      'x-mine': 'here',
      'x-dropped': 'named by Connection',
      connection: 'keep-alive, X-Dropped',
      'keep-alive': 'timeout=5',
      'transfer-encoding': 'chunked',
      te: 'trailers',
      upgrade: 'websocket',
      'proxy-authorization': 'Basic x',
      host: 'front.example',
      'content-length': '7',
    });
    expect(endToEndHeaders(headers)).toEqual({
      authorization: 'Bearer t',
      etag: '"4"',
      'retry-after': '2',
      'x-mine': 'here',
    });
  });
});
