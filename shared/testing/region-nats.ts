import { natsAccounts, type NatsLogin } from '#shared/contract/nats-config.ts';
import { natsUser, type NatsRole } from '#shared/contract/nats-roles.ts';
import { startNatsServer, type NatsTestServer } from './nats-server.ts';

/** A nats-server as a region runs it: accounts, and a user per role. Its `url` is that of a test, which may do everything. */
export interface RegionNats extends NatsTestServer {
  urlOf(role: NatsRole): string;
}

const password = 'of-a-test';
const test: NatsLogin = {
  user: { account: 'CONTROL', name: 'test', publish: ['>'], subscribe: ['>'], answers: true },
  password,
};

/** Starts it on a free port. */
export async function startRegionNats(
  place: {
    region?: string;
    vpcIds?: readonly string[];
    teams?: readonly string[];
  } = {},
): Promise<RegionNats> {
  const { region = 'atl1', vpcIds = [], teams = [] } = place;
  const roles: NatsRole[] = [
    { role: 'admin' },
    { role: 'central' },
    { role: 'regional', region },
    { role: 'provisioner', region },
    ...vpcIds.map((vpcId) => ({ role: 'router', vpcId }) as const),
    ...teams.map((team) => ({ role: 'team', team }) as const),
  ];
  const logins = roles.map((role) => ({ user: natsUser(role), password }));
  const server = await startNatsServer(natsAccounts([test, ...logins]), `test:${password}@`);
  return Object.assign(server, { urlOf: (role: NatsRole) => natsUrlOf(server.url, role) });
}

/** The address of such a server, or of a proxy before it, for a role. */
export function natsUrlOf(url: string, role: NatsRole): string {
  return url.replace(/^nats:\/\/(.*@)?/, `nats://${natsUser(role).name}:${password}@`);
}
