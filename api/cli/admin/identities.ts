import { teamSchema } from '#shared/contract/desired.ts';
import {
  apiTokenDocumentSchema,
  teamDocumentSchema,
  vpcDocumentSchema,
  type ApiTokenDocument,
  type Scope,
} from '#shared/contract/identity.ts';
import { uuidSchema } from '#shared/contract/ids.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import { readEach, readLast } from '#shared/runtime/nats/nats-publish.ts';
import { changeDocument, isoNow, type AdminContext } from './admin-context.ts';

const stream = streams.identity.name;

/** Makes a team known; a team that is known stays as it is. @throws ConfigError when its name does not fit. */
export async function addTeam(context: AdminContext, team: string): Promise<void> {
  const name = teamSchema.safeParse(team);
  if (!name.success) throw new ConfigError(`"${team}" is no name of a team: it must be 1 to 63 of a-z, 0-9 and "-".`);
  await changeDocument(context, { stream, subject: subjects.team(team) }, (present) =>
    present === undefined ? { v: 1, team, createdAt: isoNow(context) } : undefined,
  );
}

/** A new API token and what it may do. */
export interface NewToken {
  team: string;
  /** The token itself; its hash is stored. */
  token: string;
  scopes: readonly Scope[];
  /** Null never expires. */
  expiresAt: string | null;
}

/** Stores an API token. @throws ConfigError when its team is not known. */
export async function addToken(context: AdminContext, { team, token, scopes, expiresAt }: NewToken): Promise<void> {
  await requireTeam(context, team);
  const hash = digest(token);
  const tokenId = `${team}-${hash.slice(0, 8)}`;
  const document: ApiTokenDocument = { v: 1, tokenId, team, scopes: [...scopes], expiresAt, revoked: false };
  await changeDocument(context, { stream, subject: subjects.apiToken(hash) }, () => document);
}

/** The API tokens of a team, by id, those that are revoked included. */
export async function listTokens(context: AdminContext, team: string): Promise<ApiTokenDocument[]> {
  const known = await readTokens(context);
  return known
    .map(({ token }) => token)
    .filter((token) => token.team === team)
    .toSorted((left, right) => (left.tokenId < right.tokenId ? -1 : 1));
}

/** Takes all rights from an API token, for good. @throws ConfigError when there is none with that id. */
export async function revokeToken(context: AdminContext, tokenId: string): Promise<void> {
  const found = (await readTokens(context)).find(({ token }) => token.tokenId === tokenId);
  if (found === undefined)
    throw new ConfigError(`There is no API token "${tokenId}". Next: npm run admin -- token list TEAM`);
  const { subject } = found;
  await changeDocument(context, { stream, subject }, (present) => ({ ...Object(present), revoked: true }));
}

async function readTokens({ nats }: AdminContext): Promise<{ subject: string; token: ApiTokenDocument }[]> {
  const documents = await readEach(nats, stream, subjects.everyApiToken);
  return documents.flatMap(({ subject, body }) => {
    const token = apiTokenDocumentSchema.safeParse(body).data;
    return token === undefined ? [] : [{ subject, token }];
  });
}

/** Makes a VPC of this region known, or gives one that is known to further teams. @throws ConfigError saying what does not fit. */
export async function addVpc(context: AdminContext, vpc: { vpcId: string; teams: readonly string[] }): Promise<void> {
  const { vpcId, teams } = vpc;
  const { region } = context;
  if (!uuidSchema.safeParse(vpcId).success)
    throw new ConfigError(`"${vpcId}" is no VPC id: it must be a lower-case UUID.`);
  if (teams.length === 0) throw new ConfigError('A VPC belongs to at least one team: add --team NAME.');
  for (const team of teams) await requireTeam(context, team);
  await changeDocument(context, { stream, subject: subjects.vpc(vpcId) }, (present) => {
    if (present === undefined) return { v: 1, vpcId, region, teams: [...teams], createdAt: isoNow(context) };
    const known = vpcDocumentSchema.parse(present);
    if (known.region !== region)
      throw new ConfigError(`VPC ${vpcId} is in region ${known.region}, not in ${region}: set FAIRWAY_REGION.`);
    const all = [...new Set([...known.teams, ...teams])];
    return all.length === known.teams.length ? undefined : { ...known, teams: all };
  });
}

async function requireTeam({ nats }: AdminContext, team: string): Promise<void> {
  const last = await readLast(nats, stream, subjects.team(team));
  if (last === null || !teamDocumentSchema.safeParse(last.body).success)
    throw new ConfigError(`There is no team "${team}". Next: npm run admin -- team add ${team}`);
}
