import { describe, expect, it } from 'vitest';
import { openApiDocument } from './openapi.ts';

describe('openapi.json', () => {
  it('is what the schemas say (after a change on purpose: run this test with --update)', async () => {
    await expect(`${JSON.stringify(openApiDocument(), null, 2)}\n`).toMatchFileSnapshot('openapi.json');
  });

  it('describes every operation with its scope', () => {
    const { paths = {} } = openApiDocument();
    const scopes = Object.entries(paths).flatMap(([path, { get, post, put, patch, delete: remove }]) =>
      Object.entries({ get, post, put, patch, delete: remove }).flatMap(([method, operation]) =>
        operation === undefined ? [] : [[`${method} ${path.slice(24)}`, operation.security?.[0]?.['bearer']?.join()]],
      ),
    );
    expect(Object.fromEntries(scopes)).toEqual({
      'post ': 'dedicated_inference:create',
      'get ': 'dedicated_inference:read',
      'get /sizes': 'dedicated_inference:read',
      'get /gpu-model-config': 'dedicated_inference:read',
      'get /{id}': 'dedicated_inference:read',
      'patch /{id}': 'dedicated_inference:update',
      'delete /{id}': 'dedicated_inference:delete',
      'get /{id}/events': 'dedicated_inference:read',
      'get /{id}/accelerators': 'dedicated_inference:read',
      'get /{id}/accelerators/{accelerator_id}': 'dedicated_inference:read',
      'get /{id}/ca': 'dedicated_inference:read',
      'get /{id}/tokens': 'dedicated_inference_tokens:read',
      'post /{id}/tokens': 'dedicated_inference_tokens:create',
      'post /{id}/tokens/{token_id}/rotate': 'dedicated_inference_tokens:create,dedicated_inference_tokens:delete',
      'delete /{id}/tokens/{token_id}': 'dedicated_inference_tokens:delete',
      'get /{id}/routing': 'dedicated_inference:read',
      'put /{id}/routing': 'dedicated_inference:update',
    });
  });
});
