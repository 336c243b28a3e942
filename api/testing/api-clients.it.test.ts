import { describe } from 'vitest';
import { skipUnless } from '#shared/testing/skips.ts';
import { describeApiClient, describeLongLists } from './api-client.contract.ts';
import { doctlClient, godoClient, pydoClient } from './api-client.ts';
import { dotsClient } from './dots-client.ts';
import { findClient } from './clients/client-builds.ts';

describeApiClient('DigitalOcean’s TypeScript client', dotsClient);

// Those that are not on npm are built by `node api/testing/clients/build.ts`, where their tool chains are.
const [doctl, godo, pydo] = await Promise.all([findClient('doctl'), findClient('godo'), findClient('pydo')]);
const go = 'npm test -- --all, with Go';
const python = 'install Python 3 with venv; npm test -- --all';

describe('on the command line', skipUnless(doctl, { what: 'doctl, on the API', how: go }), () => {
  describeApiClient('doctl', (url) => doctlClient(doctl ?? '', url));
  describeLongLists('doctl', (url) => doctlClient(doctl ?? '', url));
});
describe('in Go', skipUnless(godo, { what: 'godo, on the API', how: go }), () => {
  describeApiClient('godo', (url) => godoClient(godo ?? '', url));
});
describe('in Python', skipUnless(pydo, { what: 'pydo, on the API', how: python }), () => {
  describeApiClient('pydo', (url, started) => pydoClient(pydo ?? '', url, started));
});
