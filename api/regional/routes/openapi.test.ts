import { describe, expect, it } from 'vitest';
import { openApiDocument } from './openapi.ts';

describe('openapi.json', () => {
  it('is what the schemas say (after a change on purpose: run this test with --update)', async () => {
    await expect(`${JSON.stringify(openApiDocument(), null, 2)}\n`).toMatchFileSnapshot('openapi.json');
  });

  it('describes every operation with its scope', () => {
    const { paths = {} } = openApiDocument();
    expect(Object.keys(paths)).toEqual([
      '/v2/dedicated-inferences',
      '/v2/dedicated-inferences/{id}',
      '/v2/dedicated-inferences/{id}/events',
    ]);
    expect(paths['/v2/dedicated-inferences']?.post?.security).toEqual([{ bearer: ['dedicated_inference:create'] }]);
  });
});
