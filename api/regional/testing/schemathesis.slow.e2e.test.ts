import { expect, it } from 'vitest';
import { skipUnless } from '#shared/testing/skips.ts';
import { findClient } from '../../testing/clients/client-builds.ts';
import { judgeByDocument } from './judge-by-document.ts';

// A sample; the whole is `node api/regional/testing/schemathesis.ts`. `npm test -- --all` installs what it needs where Python is.
const schemathesis = (await findClient('schemathesis')) ?? '';
const needed = skipUnless(schemathesis, { what: 'Schemathesis', how: 'install Python 3 with venv; npm test -- --all' });

it('answers what its document says, to right and wrong requests', { timeout: 300_000, ...needed }, async (test) => {
  const { code, output } = await judgeByDocument({ schemathesis, cases: 5, show: false, signal: test.signal });
  expect(code, output.slice(-8000)).toBe(0);
  expect(Number(/(\d+) generated/.exec(output)?.[1])).toBeGreaterThan(500);
});
