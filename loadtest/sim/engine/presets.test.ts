import { describe, expect, it } from 'vitest';
import { h200, measured30b, measured8b, type MeasuredSteps } from '../testing/h200-steps.ts';
import { runEngine } from '../testing/run-engine.ts';
import { Engine } from './engine.ts';
import { presetList, presetNames, presets, type EnginePreset, type PresetName } from './presets.ts';
import { pairsOf, stepMs, weightsMs, type WeightsRead } from './step-cost.ts';

/** A model on its cards, by sizes: what no engine can be faster than. Weights in ms of reading, FLOPs per ms. */
interface Hardware {
  readonly weights: WeightsRead;
  readonly kvBytes: number;
  readonly flopsPerToken: number;
  readonly flopsPerMs: number;
  /** Of the attention of 48 layers of 32 heads. */
  readonly attention: number;
}

const dense = (gigabytes: number, bytesPerMs: number): WeightsRead => ({
  always: (gigabytes * 1e9) / bytesPerMs,
  allExperts: 0,
  experts: 1,
  active: 1,
});

/** Attention, router and head are 1.23 billion parameters, 48 layers of 128 experts of 3 · 2,048 · 768 are 29.0. */
const moe30b = (bytes: number): Hardware => ({
  weights: {
    always: (bytes * 1.23e9) / h200.bytesPerMs,
    allExperts: (bytes * 28.99e9) / h200.bytesPerMs,
    experts: 128,
    active: 8,
  },
  kvBytes: 98_304,
  flopsPerToken: 2 * 2.73e9,
  flopsPerMs: (h200.flopsPerMs * 2) / bytes,
  attention: 1,
});

/** 7.5 billion parameters are read in a step, embeddings are not. */
const dense8b: Hardware = {
  weights: dense(15, h200.bytesPerMs),
  kvBytes: 131_072,
  flopsPerToken: 2 * 7e9,
  flopsPerMs: h200.flopsPerMs,
  attention: 32 / 48,
};

const onH200: [PresetName, Hardware, MeasuredSteps][] = [
  ['30b-a3b-h200', moe30b(1), measured30b],
  ['30b-a3b-bf16-h200', moe30b(2), measured30b],
  ['30b-a3b-fp8kv-h200', { ...moe30b(1), kvBytes: 49_152 }, measured30b],
  ['8b-h200', dense8b, measured8b],
];

interface Cell {
  readonly name: string;
  readonly limit: number;
  readonly step: number;
  readonly measured: number;
}

function cellsOf({ cost }: EnginePreset, hardware: Hardware, measured: MeasuredSteps): Cell[] {
  const { weights, kvBytes, flopsPerToken, flopsPerMs, attention } = hardware;
  const prefill = measured.prefill.flatMap(({ tokens, ms }) =>
    Object.entries(ms).map(([cached, slow]) => {
      const pairs = pairsOf(Number(cached), tokens);
      const linear = Math.max(weightsMs(weights, tokens), (tokens * flopsPerToken) / flopsPerMs);
      const limit = linear + pairs * attention * h200.perPair48x32;
      const step = stepMs(cost, { sequences: 0, contextTokens: 0, promptTokens: tokens, pairs });
      return { name: `${tokens} tokens behind ${cached}`, limit, step, measured: slow };
    }),
  );
  const decode = measured.decode.flatMap(({ sequences, ms }) =>
    Object.entries(ms).map(([context, slow]) => {
      const contextTokens = sequences * Number(context);
      const limit = weightsMs(weights, sequences) + (contextTokens * kvBytes) / h200.bytesPerMs;
      const step = stepMs(cost, { sequences, contextTokens, promptTokens: 0, pairs: 0 });
      return { name: `${sequences} sequences of ${context}`, limit, step, measured: slow };
    }),
  );
  return [...prefill, ...decode];
}

describe('steps on an H200', () => {
  it.each(onH200)('of %s lie between what the card can do and what was measured', (name, hardware, measured) => {
    const cells = cellsOf(presets[name], hardware, measured);
    expect(cells.length).toBeGreaterThan(30);
    expect(cells.filter(({ limit, step }) => step < limit)).toEqual([]);
    expect(cells.filter(({ step, measured: slow }) => step > slow)).toEqual([]);
  });

  it('of the first preset are faster than the card, as its label says', () => {
    const name = '30b-a3b-h200-2025';
    const tooFast = cellsOf(presets[name], moe30b(1), measured30b).filter(({ limit, step }) => step < limit);
    expect(tooFast.length).toBeGreaterThan(5);
    expect(presets[name].basis).toBe('uncalibrated');
  });
});

describe('no step costs less than reading the weights that it touches', () => {
  const h100BytesPerMs = 3.35e9;
  const weights: Partial<Record<PresetName, WeightsRead>> = {
    ...Object.fromEntries(onH200.map(([name, hardware]) => [name, hardware.weights])),
    '8b-h100': dense(15, h100BytesPerMs),
    '70b-tp8-h100': dense(139 / 8, h100BytesPerMs),
    '32b-tp2-h100': dense(64 / 2, h100BytesPerMs),
    // 48 layers of 512 experts of 3 · 2,048 · 512; a token uses 3 billion parameters, 1.5 of them in its ten experts.
    'coder-next-h200': {
      always: 1.5e9 / h200.bytesPerMs,
      allExperts: 77.3e9 / h200.bytesPerMs,
      experts: 512,
      active: 10,
    },
  };

  it.each(presetNames.filter((name) => name !== '30b-a3b-h200-2025'))('%s', (name) => {
    const read = weights[name];
    if (read === undefined) throw new Error(`say what ${name} reads`);
    const { cost } = presets[name];
    for (const tokens of [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024]) {
      const decode = stepMs(cost, { sequences: tokens, contextTokens: tokens, promptTokens: 0, pairs: 0 });
      const prefill = stepMs(cost, { sequences: 0, contextTokens: 0, promptTokens: tokens, pairs: pairsOf(0, tokens) });
      expect(Math.min(decode, prefill)).toBeGreaterThanOrEqual(weightsMs(read, tokens));
    }
  });
});

describe('beside published points, as the README states', () => {
  const ttft = (preset: EnginePreset, promptTokens: number): number =>
    runEngine(new Engine(preset), [{ at: 0, request: { id: 'a', promptTokens, outputTokens: 1, blocks: [] } }])[1]
      ?.at ?? 0;
  const itl = ({ cost }: EnginePreset, contextTokens: number): number =>
    stepMs(cost, { sequences: 1, contextTokens, promptTokens: 0, pairs: 0 });
  const { '32b-tp2-h100': big, 'coder-next-h200': coder } = presets;

  const [fast, slow] = [1000 / 211, 1000 / 153];

  it.each([
    { point: 'Qwen3-32B, 10k cold', published: 4300, simulated: ttft(big, 10_000), percent: -89 },
    { point: 'Qwen3-Coder-Next, 1k', published: 380, simulated: ttft(coder, 1000), percent: -94 },
    { point: 'Qwen3-Coder-Next, 256k', published: 20_400, simulated: ttft(coder, 256_000), percent: -24 },
    { point: 'Qwen3-Coder-Next, 211 tokens/s', published: fast, simulated: itl(coder, 1000), percent: 1 },
    { point: 'Qwen3-Coder-Next, 153 tokens/s', published: slow, simulated: itl(coder, 256_000), percent: -3 },
  ])('$point', ({ published, simulated, percent }) => {
    expect(Math.round(100 * (simulated / published - 1))).toBe(percent);
  });
});

it('shows which presets rest on nothing measured', () => {
  expect(presetList).toContain('30b-a3b-fp8kv-h200 (uncalibrated)');
  expect(presetList).toMatch(/^30b-a3b-h200, /);
});
