import { describe, expect, it } from 'vitest';
import { gpuSize, gpuSizes, modelConfig, modelConfigs, type GpuSize, type ModelConfig } from './catalog.ts';
import { explainFit, fits, misfit, sizesFor } from './fit.ts';

function known<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('not in the catalogue');
  return found;
}

const of = (model: string, size: string): ReturnType<typeof fits> =>
  fits(known(modelConfig(model)), known(gpuSize(size)));

const coder = 'Qwen/Qwen3-Coder-30B-A3B-Instruct';
const llama70 = 'meta-llama/Llama-3.3-70B-Instruct';

describe('whether a model fits', () => {
  // By hand: (GiB × 1.073741824 × 0.83 − weights) · 10⁹ / bytes per token, rounded down; then / context.
  it.each([
    // (71.2965 − 14.5) · 10⁹ / 131,072
    { model: 'mistralai/Mistral-7B-Instruct-v0.3', size: 'gpu-h100x1-80gb', fit: ['yes', 131_072, 433_322, 13.2] },
    // (171.1115 − 141.1) · 10⁹ / 327,680; with 0.92 it is 148,211 ≥ 131,072
    { model: llama70, size: 'gpu-mi300x1-192gb', fit: ['tight', 327_680, 91_587, 0.6] },
    // (71.2965 − 61.1) · 10⁹ / 98,304; with 0.92 it is 182,367 < 262,144
    { model: coder, size: 'gpu-h100x1-80gb', fit: ['no', 98_304, 103_723, 0.3] },
    // Four KV heads on eight GPUs: each is held twice. (570.3717 − 61.1) · 10⁹ / 196,608
    { model: coder, size: 'gpu-h100x8-640gb', fit: ['yes', 196_608, 2_590_289, 9.8] },
    // Half of the layers alone keep the whole context. (71.2965 − 65.2) · 10⁹ / 36,864
    { model: 'openai/gpt-oss-120b', size: 'gpu-h100x1-80gb', fit: ['yes', 36_864, 165_376, 1.2] },
    // (570.3717 − 482.1) · 10⁹ / 253,952
    { model: 'Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8', size: 'gpu-h100x8-640gb', fit: ['yes', 253_952, 347_591, 1.3] },
    // The weights alone are larger than the memory.
    { model: 'Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8', size: 'gpu-mi300x1-192gb', fit: ['no', 253_952, 0, 0] },
  ])('$model on $size: $fit', ({ model, size, fit }) => {
    const { verdict, kvBytesPerToken, kvTokens, sessions } = of(model, size);
    expect([verdict, kvBytesPerToken, kvTokens, sessions]).toEqual(fit);
  });

  it('says how it was reckoned', () => {
    expect(explainFit(of(llama70, 'gpu-mi300x1-192gb'))).toBe(
      '206.2 GB of memory − 35.0 GB for the engine − 141.1 GB of weights = 30.0 GB of KV cache; ' +
        'at 327,680 bytes a token that is 91,587 tokens, 0.6 sessions of 131,072 tokens. ' +
        'One such session fits only where the engine can use 92 % of the memory.',
    );
    expect(misfit(coder.toLowerCase(), 'gpu-h100x1-80gb', { region: 'atl1' })).toBe(
      'does not hold Qwen/Qwen3-Coder-30B-A3B-Instruct: 61.1 GB of weights and 25.8 GB of KV cache for one session ' +
        '(262,144 tokens of 98,304 bytes) are 86.9 GB, and of its 85.9 GB of memory an engine can use 79.0 GB; ' +
        'choose gpu-mi300x1-192gb or gpu-mi300x8-1536gb or gpu-h100x8-640gb or gpu-mi350x1-288gb or gpu-mi350x8-2304gb',
    );
  });

  it('judges another context than the model’s own', () => {
    // 103,723 tokens are left in the usual share of the memory.
    expect(misfit(coder, 'gpu-h100x1-80gb', { region: 'atl1', contextTokens: 100_000 })).toBeNull();
    expect(misfit(coder, 'gpu-h100x1-80gb', { region: 'atl1', contextTokens: 200_000 })).toContain(
      '19.7 GB of KV cache for one session (200,000 tokens of 98,304 bytes)',
    );
  });

  it('never refuses what the catalogue does not know', () => {
    expect(misfit('somebody/else', 'gpu-h100x1-80gb', { region: 'atl1' })).toBeNull();
    expect(misfit(llama70, 'gpu-abacus', { region: 'atl1' })).toBeNull();
  });

  const order = ['no', 'tight', 'yes'];
  const everyPair = modelConfigs.flatMap((model) => gpuSizes.map((size): [ModelConfig, GpuSize] => [model, size]));

  it('refuses exactly what it does not offer, and every model has a size', () => {
    for (const [model, size] of everyPair) {
      const refused = misfit(model.slug, size.slug, { region: 'atl1' }) !== null;
      expect(sizesFor(model).includes(size)).toBe(!refused);
    }
    for (const model of modelConfigs) expect(sizesFor(model).length, model.slug).toBeGreaterThan(0);
  });

  it('gets better with more memory and worse with more weights, a longer context or a larger cache, never the reverse', () => {
    for (const [model, size] of everyPair)
      for (let step = 1; step <= 20; step += 1) {
        const fit = fits(model, { ...size, vramGb: step * 40 });
        const more = fits(model, { ...size, vramGb: step * 40 + 17 });
        const worse = [
          fits({ ...model, weightsGb: model.weightsGb * 1.1 }, { ...size, vramGb: step * 40 }),
          fits({ ...model, layers: model.layers + 3 }, { ...size, vramGb: step * 40 }),
          fits({ ...model, contextTokensMax: model.contextTokensMax * 2 }, { ...size, vramGb: step * 40 }),
        ];
        for (const [less, better] of [[fit, more], ...worse.map((one) => [one, fit])] as const) {
          expect(less.sessions).toBeLessThanOrEqual(better.sessions);
          expect(order.indexOf(less.verdict)).toBeLessThanOrEqual(order.indexOf(better.verdict));
        }
        // What is shown adds up.
        if (fit.kvGb > 0) expect(fit.engineGb + fit.weightsGb + fit.kvGb).toBeCloseTo(fit.memoryGb);
        expect(fit.kvTokens * fit.kvBytesPerToken).toBeLessThanOrEqual(fit.kvGb * 1e9);
      }
  });
});
