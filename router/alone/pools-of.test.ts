import { describe, expect, it } from 'vitest';
import { poolDocumentSchema } from '#shared/contract/replica.ts';
import type { EngineKind } from './engine-kinds.ts';
import { idOf, poolsOf, type Alias, type KnownUpstream } from './pools-of.ts';
import { readUpstream } from './upstream-address.ts';

const identity = { endpointId: idOf('e'), team: 'alone', vpcId: idOf('v'), prefixSalt: 'salt' };

interface Listed {
  readonly id: string;
  readonly root?: string;
  readonly parent?: string;
  readonly contextTokens?: number;
}

function known(host: string, models: (string | Listed)[], engine: EngineKind = 'vllm'): KnownUpstream {
  const listed = models.map((model) => (typeof model === 'string' ? { id: model } : model));
  const all = listed.map((model) => ({ root: undefined, parent: undefined, contextTokens: 0, ...model }));
  return { upstream: readUpstream(`http://${host}:8000`, ''), engine, models: all };
}

/** Names, adapters and hosts of each pool, and what is told. */
function read(upstreams: KnownUpstream[], aliases: Alias[] = []) {
  const { pools, problems } = poolsOf(upstreams, aliases, identity);
  for (const pool of pools) poolDocumentSchema.parse(pool);
  const seen = pools.map(({ models, adapters, replicas }) => [models, adapters, replicas.map((one) => one.address)]);
  return { pools, seen, problems };
}

describe('pools of upstreams', () => {
  it('are one per model, with all who serve it, and have the same ids whoever reckons them', () => {
    const upstreams = [known('a', ['m', 'n']), known('b', ['m'])];
    const { seen, pools, problems } = read(upstreams);
    expect(seen).toEqual([
      [['m'], undefined, ['a', 'b']],
      [['n'], undefined, ['a']],
    ]);
    expect(problems).toEqual([]);
    expect(poolsOf(upstreams, [], identity).pools).toEqual(pools);
    const ids = pools.flatMap(({ replicas }) => replicas.map(({ replicaId }) => replicaId));
    expect(new Set(ids).size).toBe(3);
  });

  it('hold all names of one model, the first one known to every upstream', () => {
    const { seen } = read([
      known('a', [
        { id: 'big', root: 'org/big' },
        { id: 'common', root: 'org/big' },
      ]),
      known('b', [{ id: 'common', root: 'org/big' }]),
    ]);
    expect(seen).toEqual([[['common', 'big'], undefined, ['a', 'b']]]);
  });

  it('hold the adapters that all upstreams have; one that some have is a pool of its own', () => {
    const [x, y] = ['x', 'y'].map((id) => ({ id, root: `/lora/${id}`, parent: 'm' }));
    const { seen } = read([known('a', ['m', x!, y!]), known('b', ['m', x!])]);
    expect(seen).toEqual([
      [['m'], ['x'], ['a', 'b']],
      [['y'], undefined, ['a']],
    ]);
  });

  it('read no metrics where engines differ, and know the shortest context', () => {
    const { pools } = read([
      known('a', [{ id: 'm', contextTokens: 8192 }]),
      known('b', [{ id: 'm', contextTokens: 4096 }], 'llama-cpp'),
    ]);
    expect(pools[0]?.engine).toMatchObject({ profile: 'unknown', metricsPath: '', contextTokensMax: 4096 });
    expect(read([known('a', ['m'], 'sglang')]).pools[0]?.engine).toMatchObject({ adapter: 'sglang' });
  });

  it('have aliases, and say of each that fits nothing why and what would', () => {
    const upstreams = [known('a', ['m', 'n'])];
    const told = (...aliases: Alias[]) => read(upstreams, aliases).problems;
    expect(read(upstreams, [{ name: 'coding', model: 'n' }]).seen[1]?.[0]).toEqual(['n', 'coding']);
    expect(read([known('a', ['m'])], [{ name: 'coding' }]).seen[0]?.[0]).toEqual(['m', 'coding']);
    expect(told({ name: 'coding' })).toEqual([
      '--model coding: say which model that is, as in --model coding=m; upstreams serve m, n.',
    ]);
    expect(told({ name: 'coding', model: 'x' })).toEqual([
      '--model coding=x: no upstream serves x; upstreams serve m, n.',
    ]);
    expect(told({ name: 'n', model: 'm' })).toEqual(['--model n=m: n is a model of its own; upstreams serve m, n.']);
    expect(told({ name: 'm' })).toEqual([]);
    expect(read([], [{ name: 'coding' }]).problems).toEqual([]);
  });

  it('of an upstream with very many models are those that are named', () => {
    const many = known(
      'a',
      Array.from({ length: 33 }, (_, at) => `m${at}`),
    );
    const { seen, problems } = read([many], [{ name: 'm7' }, { name: 'coding', model: 'm9' }]);
    expect(seen.map(([names]) => names)).toEqual([['m7'], ['m9', 'coding']]);
    expect(problems).toEqual([
      'http://a:8000 serves 33 models, more than 32: name those you want with --model NAME=MODEL.',
    ]);
  });
});
