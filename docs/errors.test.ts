import { expect, test } from 'vitest';
import { errorsPage } from './errors.ts';

test('errors.md is what clients are told (when it differs: node docs/write-errors.ts)', async () => {
  await expect(errorsPage()).toMatchFileSnapshot('errors.md');
});
