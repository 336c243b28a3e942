import { describeApiClient, describeLongLists } from './api-client.contract.ts';
import { doctlClient, godoClient, pydoClient } from './api-client.ts';
import { dotsClient } from './dots-client.ts';
import { findClient } from './clients/client-builds.ts';

describeApiClient('DigitalOcean’s TypeScript client', dotsClient);

// Those that are not on npm are built by `node api/testing/clients/build.ts`, where their tool chains are.
const [doctl, godo, pydo] = await Promise.all([findClient('doctl'), findClient('godo'), findClient('pydo')]);
if (doctl !== undefined) {
  describeApiClient('doctl', (url) => doctlClient(doctl, url));
  describeLongLists('doctl', (url) => doctlClient(doctl, url));
}
if (godo !== undefined) describeApiClient('godo', (url) => godoClient(godo, url));
if (pydo !== undefined) describeApiClient('pydo', (url, started) => pydoClient(pydo, url, started));
