import { createHash } from 'node:crypto';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import { engineOf, type EngineKind } from './engine-kinds.ts';
import type { ListedModel } from './look-at-upstream.ts';
import type { UpstreamAddress } from './upstream-address.ts';

/** An upstream that has said what it serves. */
export interface KnownUpstream {
  readonly upstream: UpstreamAddress;
  readonly engine: EngineKind;
  readonly models: readonly ListedModel[];
}

/** A name that clients may ask for beside those of the upstreams; without `model` it is of the only one. */
export interface Alias {
  readonly name: string;
  readonly model?: string;
}

/** What all pools have in common. */
export type PoolIdentity = Pick<PoolDocument, 'endpointId' | 'team' | 'vpcId' | 'createdAt' | 'prefixSalt'>;

/** Models of one upstream that are taken; of those who serve more only what has an alias is. */
export const modelsMax = 32;

/**
 * The pools of the models that upstreams serve: one per model, with all who serve it. Names of one model, and adapters that
 * all of its upstreams have, share its pool. What does not fit is told in sentences. The same upstreams give the same ids.
 */
export function poolsOf(
  known: readonly KnownUpstream[],
  aliases: readonly Alias[],
  identity: PoolIdentity,
): { pools: PoolDocument[]; problems: string[] } {
  const taken = known.map((one) => ({ ...one, models: takenOf(one, aliases) }));
  const groups = groupsOf(taken);
  const { extra, problems } = readAliases(groups, aliases);
  const tooMany = known
    .filter(({ models }) => models.length > modelsMax)
    .map(
      ({ upstream, models }) =>
        `${upstream.url} serves ${models.length} models, more than ${modelsMax}: name those you want with --model NAME=MODEL.`,
    );
  return {
    pools: groups.map((group) => poolOf(group, extra.get(group) ?? [], identity)),
    problems: [...problems, ...tooMany],
  };
}

function takenOf({ models }: KnownUpstream, aliases: readonly Alias[]): readonly ListedModel[] {
  if (models.length <= modelsMax) return models;
  const wanted = new Set(aliases.map(({ name, model }) => model ?? name));
  return models.filter(({ id }) => wanted.has(id)).slice(0, modelsMax);
}

/** Upstreams that serve one model, under these names, and with these adapters. The first name is known to all of them. */
interface Group {
  readonly names: readonly string[];
  readonly adapters: readonly string[];
  readonly members: readonly KnownUpstream[];
}

function groupsOf(known: readonly KnownUpstream[]): Group[] {
  const merged = new Set<Set<string>>();
  for (const names of known.flatMap(({ models }) => namesOfModels(models))) {
    const [first = new Set<string>(), ...others] = [...merged].filter((other) => names.some((name) => other.has(name)));
    for (const name of [...names, ...others.flatMap((other) => [...other])]) first.add(name);
    merged.add(first);
    for (const other of others) merged.delete(other);
  }
  const models = [...merged].map((names) => groupOf([...names], known));
  const listed = new Set(models.flatMap(({ names, adapters }) => [...names, ...adapters]));
  const rest = new Set(known.flatMap((one) => one.models.map(({ id }) => id)).filter((id) => !listed.has(id)));
  return [...models, ...[...rest].map((id) => groupOf([id], known))];
}

/** Names of each model of an upstream, its adapters left out. */
function namesOfModels(models: readonly ListedModel[]): string[][] {
  const ids = new Set(models.map(({ id }) => id));
  const bases = models.filter(({ parent }) => parent === undefined || !ids.has(parent));
  return [...Map.groupBy(bases, ({ id, root }) => root ?? id).values()].map((same) => same.map(({ id }) => id));
}

function groupOf(all: readonly string[], known: readonly KnownUpstream[]): Group {
  const having = (name: string): KnownUpstream[] => known.filter(({ models }) => models.some(({ id }) => id === name));
  const names = all.toSorted((a, b) => having(b).length - having(a).length || (a < b ? -1 : 1));
  const members = having(names[0] ?? '');
  const adapters = members.map(({ models }) =>
    models.flatMap(({ id, parent }) => (all.includes(parent ?? '') ? [id] : [])),
  );
  const [first = [], ...others] = adapters;
  return { names, members, adapters: first.filter((id) => others.every((ids) => ids.includes(id))) };
}

function readAliases(
  groups: readonly Group[],
  aliases: readonly Alias[],
): { extra: Map<Group, string[]>; problems: string[] } {
  const extra = new Map<Group, string[]>();
  const problems: string[] = [];
  const served = groups.flatMap(({ names, adapters }) => [...names, ...adapters]);
  for (const { name, model } of aliases) {
    if (served.length === 0 || ((model ?? name) === name && served.includes(name))) continue;
    const group = model === undefined ? groups[0] : groups.find(({ names }) => names.includes(model));
    const they = `upstreams serve ${served.slice(0, modelsMax).join(', ')}`;
    if (served.includes(name)) problems.push(`--model ${name}=${model}: ${name} is a model of its own; ${they}.`);
    else if (model === undefined && groups.length > 1)
      problems.push(`--model ${name}: say which model that is, as in --model ${name}=${groups[0]?.names[0]}; ${they}.`);
    else if (group === undefined) problems.push(`--model ${name}=${model}: no upstream serves ${model}; ${they}.`);
    else extra.set(group, [...(extra.get(group) ?? []), name]);
  }
  return { extra, problems };
}

function poolOf({ names, adapters, members }: Group, extra: readonly string[], identity: PoolIdentity): PoolDocument {
  const [model = ''] = names;
  const kinds = new Set(members.map(({ engine }) => engine));
  const [kind = 'unknown'] = kinds;
  const lengths = members.flatMap(({ models }) =>
    models.filter(({ id, contextTokens }) => id === model && contextTokens > 0).map((one) => one.contextTokens),
  );
  const engine = engineOf(kinds.size === 1 ? kind : 'unknown', lengths.length > 0 ? Math.min(...lengths) : 0);
  return {
    v: 1,
    ...identity,
    pool: idOf(identity.vpcId, 'pool', model),
    specRevision: 1,
    models: [...names, ...extra],
    ...(adapters.length > 0 && { adapters: [...adapters] }),
    engine,
    upstreamKey: '',
    proofKey: '',
    replicas: members.map(({ upstream }) => replicaOf(upstream, model)),
  };
}

function replicaOf({ url, scheme, address, port, basePath, key }: UpstreamAddress, model: string): PoolReplica {
  return {
    replicaId: idOf(url, 'replica', model),
    name: url,
    address,
    port,
    scheme,
    basePath,
    upstreamKey: key,
    revision: '',
    state: 'ready',
  };
}

/** The same id for the same texts, of an id's form. */
export function idOf(...texts: readonly string[]): string {
  const hex = createHash('sha256').update(JSON.stringify(texts)).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
