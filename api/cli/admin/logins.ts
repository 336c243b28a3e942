import { natsUserLine, type NatsLogin } from '#shared/contract/nats-config.ts';
import { natsUser, type NatsRole } from '#shared/contract/nats-roles.ts';
import { deriveKey } from '#shared/runtime/keyed-hash.ts';

/** The login of a role: its password is derived from the region's NATS key, so that nobody keeps a list. */
export function loginOf(natsKey: Uint8Array, role: NatsRole): NatsLogin {
  const user = natsUser(role);
  return { user, password: Buffer.from(deriveKey(natsKey, `nats-user/${user.name}`)).toString('base64url') };
}

/** Logins of every role of a region with these VPCs and teams. */
export function loginsOf(
  natsKey: Uint8Array,
  place: { region: string; vpcIds: readonly string[]; teams: readonly string[] },
): NatsLogin[] {
  const { region, vpcIds, teams } = place;
  const roles: NatsRole[] = [
    { role: 'admin' },
    { role: 'central' },
    { role: 'regional', region },
    { role: 'provisioner', region },
    ...vpcIds.map((vpcId) => ({ role: 'router', vpcId }) as const),
    ...teams.map((team) => ({ role: 'team', team }) as const),
  ];
  return roles.map((role) => loginOf(natsKey, role));
}

/** What an operator does with a new login, in words. */
export function loginAdvice({ user, password }: NatsLogin): string {
  return [
    `Add this user to account ${user.account} in nats.conf, and reload nats-server (nats-server --signal reload):`,
    `  ${natsUserLine({ user, password })}`,
    `It connects with nats://${user.name}:${password}@HOST:4222`,
  ].join('\n');
}
