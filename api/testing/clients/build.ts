import { buildClient, builtClients } from './client-builds.ts';

/** `node api/testing/clients/build.ts`: builds DigitalOcean's clients that are not on npm, where their tool chains are. */
for (const name of builtClients) {
  const built = await buildClient(name);
  process.stdout.write(built ? `${name} is ready\n` : `${name} is left out: its tool chain is not here\n`);
}
