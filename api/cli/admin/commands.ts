import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { scopeOf, scopes as allScopes, type Scope } from '#shared/contract/identity.ts';
import { natsAccounts } from '#shared/contract/nats-config.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { makeAuthority, rotateAuthority } from '#shared/runtime/tls/authority-files.ts';
import type { AdminConfig } from '../config.ts';
import type { AdminContext } from './admin-context.ts';
import { tellEndpoint, tellOperators } from './audit.ts';
import { addTeam, addToken, addVpc, listTokens, revokeToken } from './identities.ts';
import { loginAdvice, loginOf, loginsOf } from './logins.ts';
import { forgetRouters } from './routers.ts';
import { adoptStreams, makeRegionStreams, makeVpcStreams, sweepEndpoint } from './region-streams.ts';

/** What a command gets: names that stand on its line, and its options. */
interface Input {
  names: string[];
  flags: Record<string, string[]>;
  config: AdminConfig;
}

/** One command of an operator, with the region or without; `run` answers with lines for standard output. */
export type AdminCommand = { words: string[]; names: string[]; flags: string[]; help: string[] } & (
  | { connects: true; run: (input: Input, admin: AdminContext) => Promise<string[]> }
  | { connects: false; run: (input: Input) => string[] | Promise<string[]> }
);

/** Every command of an operator. */
export const adminCommands: AdminCommand[] = [
  {
    words: ['streams'],
    names: [],
    flags: ['replicas', 'first-sequence'],
    connects: true,
    help: [
      'make or change the streams of the region; safe to repeat',
      '--replicas N: copies of each (default: what a stream has; a new one 3 in a cluster of servers, else 1)',
      '--first-sequence N: where a DESIRED that is made anew starts (default: above what any cluster has carried out)',
    ],
    run: async ({ flags }, admin) => {
      const [replicas, firstSequence] = [countIn(flags, 'replicas'), countIn(flags, 'first-sequence')];
      const given = {
        ...(replicas !== undefined && { replicas }),
        ...(firstSequence !== undefined && { firstSequence }),
      };
      return ['The streams of the region are as this version needs them.', ...(await makeRegionStreams(admin, given))];
    },
  },
  {
    words: ['team', 'add'],
    names: ['TEAM'],
    flags: [],
    connects: true,
    help: ['make a team known; with FAIRWAY_NATS_KEY also show its NATS login'],
    run: async ({ names: [team = ''], config }, admin) => {
      await addTeam(admin, team);
      return [`Team ${team} is known.`, ...advice(config, { role: 'team', team })];
    },
  },
  {
    words: ['token', 'add'],
    names: ['TEAM'],
    flags: ['scope', 'expires'],
    connects: true,
    help: [
      'make an API token of a team and show it, this once',
      `--scope NAME, repeated: what it may do (default: ${allScopes.join(', ')})`,
      '--expires TIME: as 2027-01-31T00:00:00Z (default: never)',
    ],
    run: async ({ names: [team = ''], flags }, admin) => {
      const token = formatToken('api', randomBytes(24));
      await addToken(admin, { team, token, scopes: scopesIn(flags), expiresAt: timeIn(flags) });
      return [token];
    },
  },
  {
    words: ['token', 'list'],
    names: ['TEAM'],
    flags: [],
    connects: true,
    help: ['show the API tokens of a team: id, what it may do, until when, whether it is revoked'],
    run: async ({ names: [team = ''] }, admin) =>
      (await listTokens(admin, team)).map(({ tokenId, scopes, expiresAt, revoked }) =>
        [tokenId, scopes.join(','), expiresAt ?? 'for ever', revoked ? 'revoked' : 'good'].join('  '),
      ),
  },
  {
    words: ['token', 'revoke'],
    names: ['TOKEN_ID'],
    flags: [],
    connects: true,
    help: ['take all rights from an API token, for good: every process of the API refuses it once it has heard'],
    run: async ({ names: [tokenId = ''] }, admin) => {
      await revokeToken(admin, tokenId);
      return [`API token ${tokenId} is revoked.`];
    },
  },
  {
    words: ['vpc', 'add'],
    names: ['VPC_ID'],
    flags: ['team'],
    connects: true,
    help: [
      'make a VPC of the region known with the streams of its routers, and show their NATS login; needs FAIRWAY_NATS_KEY',
      '--team NAME, repeated: whose endpoints may stand in it; repeat the command to add further ones',
    ],
    run: async ({ names: [vpcId = ''], flags, config }, admin) => {
      const login = loginOf(natsKeyOf(config), { role: 'router', vpcId });
      await addVpc(admin, { vpcId, teams: flags['team'] ?? [] });
      const done = await makeVpcStreams(admin, vpcId, { anew: false });
      return [`VPC ${vpcId} is known.`, ...done, loginAdvice(login)];
    },
  },
  {
    words: ['router', 'forget'],
    names: ['VPC_ID', 'ROUTER_ID'],
    flags: [],
    connects: true,
    help: ['say that a router that was killed does not come back: scale-downs wait for it no more'],
    run: async ({ names: [vpcId = '', routerId = ''] }, admin) => {
      const forgotten = await forgetRouters(admin, vpcId, routerId);
      if (forgotten.length > 0) return [`Router ${routerId} is forgotten, unless it is heard again.`];
      throw new ConfigError(`No router "${routerId}" is registered in VPC ${vpcId}.`);
    },
  },
  {
    words: ['accounts'],
    names: [],
    flags: ['vpc', 'team'],
    connects: false,
    help: [
      'print the accounts of nats.conf, a user for each role; needs FAIRWAY_NATS_KEY and no NATS',
      '--vpc VPC_ID, --team NAME, repeated: whose routers and automation get a user',
    ],
    run: ({ flags, config }) => {
      const place = { region: config.FAIRWAY_REGION, vpcIds: flags['vpc'] ?? [], teams: flags['team'] ?? [] };
      return [natsAccounts(loginsOf(natsKeyOf(config), place))];
    },
  },
  {
    words: ['ca', 'make'],
    names: ['FOLDER'],
    flags: [],
    connects: false,
    help: [
      'make the certificate authority of the region’s private endpoints in a folder: FAIRWAY_CA_DIR of provisioners',
    ],
    run: async ({ names: [folder = ''], config }) => {
      await makeAuthority(folder, authorityName(config), Date.now());
      return [
        `${folder} holds the authority of ${config.FAIRWAY_REGION}. Keep its key where provisioners alone read it.`,
      ];
    },
  },
  {
    words: ['ca', 'rotate'],
    names: ['FOLDER'],
    flags: [],
    connects: false,
    help: [
      'put another authority in the place of the one in the folder, a step each time: it is published beside the old one;',
      'it signs, the old one stays published; the old one goes. Leave clients time to read /ca between the steps',
    ],
    run: async ({ names: [folder = ''], config }) => [
      rotationSteps[await rotateAuthority(folder, authorityName(config), Date.now())],
    ],
  },
  {
    words: ['adopt'],
    names: [],
    flags: [],
    connects: true,
    help: ['say that the streams are right as they are now: after one was made anew or restored from a copy'],
    run: async (_, admin) => ['The streams are adopted as they are.', ...(await adoptStreams(admin))],
  },
  {
    words: ['sweep'],
    names: ['VPC_ID', 'ENDPOINT_ID'],
    flags: [],
    connects: true,
    help: ['say that what a cluster holds of an endpoint that nobody desires may be deleted'],
    run: async ({ names: [vpcId = '', endpointId = ''] }, admin) => {
      await sweepEndpoint(admin, vpcId, endpointId);
      return [`The provisioners of VPC ${vpcId} are told to remove what is left of endpoint ${endpointId}.`];
    },
  },
  {
    words: ['audit', 'operators'],
    names: [],
    flags: [],
    connects: true,
    help: ['show what operators have asked for in the region: every command that goes to its NATS, but these two'],
    run: (_, admin) => tellOperators(admin),
  },
  {
    words: ['audit'],
    names: ['ENDPOINT_ID'],
    flags: [],
    connects: true,
    help: [
      'show who changed what at an endpoint, its tokens included, also of one that is deleted: time, revision, API token,',
      'change, request, and hashes of the document before and after; says where a change was not made by the API',
    ],
    run: ({ names: [endpointId = ''] }, admin) => tellEndpoint(admin, endpointId),
  },
];

/** What `--help` prints. */
export const usage = [
  'npm run admin -- COMMAND   an operator’s commands for one region',
  'FAIRWAY_NATS_URL names its NATS with user admin, FAIRWAY_REGION the region (default atl1).',
  ...adminCommands.map(
    ({ words, names, help }) =>
      `\n  ${[...words, ...names].join(' ')}\n${help.map((line) => `      ${line}`).join('\n')}`,
  ),
  '',
].join('\n');

const authorityName = ({ FAIRWAY_REGION: region }: AdminConfig): string => `Fairway ${region} private endpoints`;

const rotationSteps = {
  published: 'The next authority is published beside the present one. Repeat once clients trust both.',
  changed: 'It signs from now on; the old one is still published. Repeat once routers show the new certificate.',
  retired: 'The old authority is published no more. The rotation is done.',
};

function natsKeyOf({ FAIRWAY_NATS_KEY: key }: AdminConfig): Uint8Array {
  if (key !== undefined) return Buffer.from(key, 'base64url');
  throw new ConfigError(
    'FAIRWAY_NATS_KEY is not set: passwords of NATS users derive from it. Make one once: openssl rand 32 | basenc --base64url',
  );
}

function advice(config: AdminConfig, role: Parameters<typeof loginOf>[1]): string[] {
  return config.FAIRWAY_NATS_KEY === undefined ? [] : [loginAdvice(loginOf(natsKeyOf(config), role))];
}

function countIn(flags: Input['flags'], flag: string): number | undefined {
  const text = flags[flag]?.at(-1);
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new ConfigError(`--${flag} must be a whole number from 1 on, not "${text}".`);
}

function scopesIn(flags: Input['flags']): readonly Scope[] {
  const given = flags['scope'] ?? [...allScopes];
  const read = given.map(scopeOf).filter((scope) => scope !== undefined);
  if (read.length === given.length) return read;
  throw new ConfigError(`--scope must be one of ${allScopes.join(', ')}, not "${given.join(' ')}".`);
}

function timeIn(flags: Input['flags']): string | null {
  const text = flags['expires']?.at(-1);
  if (text === undefined) return null;
  if (z.iso.datetime().safeParse(text).success) return text;
  throw new ConfigError(`--expires must be a time like 2027-01-31T00:00:00Z, not "${text}".`);
}
