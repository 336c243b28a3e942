import { scopes } from '#shared/contract/identity.ts';
import type { Logger } from '#shared/runtime/log.ts';
import {
  addTeam,
  addToken,
  addVpc,
  forgetRouters,
  makeRegionStreams,
  makeVpcStreams,
  openAdmin,
} from '../../api/cli/service.ts';
import { stackPlace } from './stack-place.ts';

/** What an operator does with a new region: its streams, a team with an API token, and the team's VPCs. */
export async function seedRegion(parts: {
  natsUrl: string;
  log: Logger;
  apiToken: string;
  vpcIds: readonly string[];
}): Promise<void> {
  const { region, team } = stackPlace;
  await using admin = await openAdmin({ natsUrl: parts.natsUrl, region }, { log: parts.log });
  await makeRegionStreams(admin);
  await addTeam(admin, team);
  await addToken(admin, { team, token: parts.apiToken, scopes, expiresAt: null });
  for (const vpcId of parts.vpcIds) {
    await addVpc(admin, { vpcId, teams: [team] });
    await makeVpcStreams(admin, vpcId, { anew: false });
    // No router of an earlier run lives on, and this run may have fewer.
    await forgetRouters(admin, vpcId);
  }
}
