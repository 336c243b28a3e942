import { describe, expect, it } from 'vitest';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { groupsOf } from '#shared/contract/time-to-ready.ts';
import { specDocument, statusDocument } from '#shared/testing/documents.ts';
import type { ViewedEndpoint } from '../view/endpoint-view.ts';
import { readyEstimate } from './ready-estimate.ts';
import { estimateOf } from './spec-estimate.ts';

const id = (letter: string): string => `00000000-0000-8001-8000-00000000000${letter}`;

function specOf(groups: [model: string, size: string, scale: number][], parts: Partial<SpecDocument> = {}) {
  return specDocument({
    deployments: groups.map(([providerModelId, slug, scale], index) => ({
      modelId: id(String(index)),
      slug: `model-${index}`,
      provider: 'hugging_face',
      providerModelId,
      accelerators: [{ acceleratorId: id(String.fromCodePoint(97 + index)), slug, type: 'prefill_decode', scale }],
    })),
    ...parts,
  });
}

describe('what a spec would come to', () => {
  it('adds the prices of all accelerators, by the hour and by a month of 730 hours', () => {
    const { price, accelerators } = estimateOf(
      specOf([
        ['a/b', 'gpu-mi300x1-192gb', 3],
        ['c/d', 'gpu-h100x8-640gb', 2],
      ]),
    );
    // 3 × 2.59 + 2 × 30.32 = 68.41, × 730 = 49,939.30
    expect(price).toEqual({ currency: 'USD', per_hour: '68.41', per_month: '49939.30', hours_per_month: 730 });
    expect(accelerators.map(({ price_per_hour, gpus }) => [price_per_hour, gpus])).toEqual([
      ['7.77', 3],
      ['60.64', 16],
    ]);
  });

  it('counts sessions over all replicas, and is as unsure as its least sure part', () => {
    const mistral = 'mistralai/Mistral-7B-Instruct-v0.3';
    const known = estimateOf(specOf([[mistral, 'gpu-h100x1-80gb', 3]]));
    expect([known.fits, known.accelerators[0]?.fit]).toMatchObject([
      'yes',
      { sessions_per_replica: 13.2, sessions: 39.6, kv_cache_tokens: 433_322, kv_cache_gb: 56.8 },
    ]);
    const tight = estimateOf(
      specOf([
        [mistral, 'gpu-h100x1-80gb', 1],
        ['Qwen/Qwen3-32B', 'gpu-h100x1-80gb', 1],
      ]),
    );
    expect([tight.fits, tight.accelerators.map(({ fits }) => fits)]).toEqual(['tight', ['yes', 'tight']]);
    const unknown = estimateOf(specOf([['somebody/else', 'gpu-h100x1-80gb', 1]]));
    expect([unknown.fits, unknown.accelerators[0]?.fit]).toEqual(['unknown', undefined]);
    expect(unknown.accelerators[0]?.explanation).toContain('does not know somebody/else');
  });

  it('says that a gated model needs a token, unless there is one', () => {
    const groups: [string, string, number][] = [['meta-llama/Llama-3.1-8B-Instruct', 'gpu-h100x1-80gb', 1]];
    expect(estimateOf(specOf(groups)).notes).toEqual([expect.stringContaining('access_tokens.hugging_face_token')]);
    expect(estimateOf(specOf(groups, { sealedHuggingFaceToken: { enc: 'a', ct: 'b' } })).notes).toEqual([]);
  });
});

describe('the time until a spec answers', () => {
  const small = (model = 'a/b', parts: Partial<SpecDocument> = {}) => specOf([[model, 'gpu-h100x1-80gb', 1]], parts);
  /** An endpoint whose first deployment took so long. */
  const deployed = (spec: SpecDocument, minutes: number): ViewedEndpoint => ({
    desired: { spec, revision: 5 },
    status: statusDocument({
      endpointId: spec.endpointId,
      pastChanges: [
        { at: '2026-11-22T12:00:00.000Z', groups: groupsOf(spec.deployments), stepMs: { capacity: minutes * 60_000 } },
      ],
    }),
  });

  it('is what is published, and says so, as long as nothing was deployed', () => {
    const pending: ViewedEndpoint = { desired: { spec: small(), revision: 1 }, status: null };
    expect(readyEstimate(small(), null, [pending])).toMatchObject({ minutes: 30, basis: 'published' });
  });

  it('is what like changes took, half of them and nine of ten', () => {
    const alike = [deployed(small('x/y'), 20), deployed(small('x/y'), 21.2), deployed(small('x/y'), 90)];
    const estimate = readyEstimate(small(), null, alike);
    expect(estimate).toMatchObject({ minutes: 22, minutes_nine_of_ten: 90, basis: 'history' });
    expect(estimate.explanation).toContain('3 earlier changes on the same accelerators');
    const same = readyEstimate(small(), null, [...alike, deployed(small(), 7)]);
    expect([same.minutes, same.explanation]).toEqual([7, expect.stringContaining('the same models')]);
  });

  it('tells nothing of which models another team deploys', () => {
    const theirs = [deployed(small('secret/model', { team: 'beta' }), 7), deployed(small('x/y', { team: 'beta' }), 20)];
    expect(readyEstimate(small('secret/model'), null, theirs)).toEqual(readyEstimate(small('a/guess'), null, theirs));
  });

  it('of a change counts what has to be started', () => {
    const before = small();
    const grown = specOf([['a/b', 'gpu-h100x1-80gb', 2]]);
    const bases = [{ ...before, name: 'new' }, grown].map((next) => readyEstimate(next, before, []).basis);
    expect(bases).toEqual(['nothing_to_start', 'published']);
    expect(readyEstimate(before, grown, [])).toMatchObject({ minutes: 0, basis: 'nothing_to_start' });
  });
});
