import { scopes, type ApiTokenDocument } from '#shared/contract/identity.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { connectNats } from '#shared/runtime/nats/nats.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { ensureStreams } from '#shared/runtime/nats/nats-streams.ts';

/** Who gets rights, and with which token. */
export interface Identity {
  natsUrl: string;
  log: Logger;
  team: string;
  apiToken: string;
}

/** Makes every stream of the region and writes one API token with all scopes. @throws when NATS does not store it. */
export async function seedIdentity(identity: Identity): Promise<void> {
  await using nats = await connectNats({ url: identity.natsUrl, name: 'stack', log: identity.log });
  await ensureStreams(nats, Object.values(streams), 1);
  const hash = digest(identity.apiToken);
  const body: ApiTokenDocument = {
    v: 1,
    tokenId: `${identity.team}-${hash.slice(0, 8)}`,
    team: identity.team,
    scopes: [...scopes],
    expiresAt: null,
    revoked: false,
  };
  const outcome = await writeDocuments(nats, [{ subject: subjects.apiToken(hash), body }], '');
  if (outcome.kind !== 'stored') throw new Error(`The API token could not be stored in NATS: ${outcome.reason}`);
}
