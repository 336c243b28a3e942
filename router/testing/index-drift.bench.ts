/**
 * Run: node router/testing/index-drift.bench.ts [seconds] [seed …]
 *
 * Prints how far the prefix index is from what engines report, per case: share of prompts that was cached, tokens predicted
 * and not there, and there and not predicted, as shares of what was there.
 */
import { DriftLab, type DriftCase } from './drift-lab.ts';

const [seconds = 900, ...seeds] = process.argv.slice(2).map(Number);
const usual = { engineers: 64, told: 1, reasoning: 0, keeps: 'all' } as const;
const cases: Record<string, DriftCase> = {
  'as told': usual,
  'told twice as much': { ...usual, told: 2 },
  'told half': { ...usual, told: 0.5 },
  'reasoning, all dropped': { ...usual, reasoning: 600, keeps: 'none' },
  'reasoning, kept between questions': { ...usual, reasoning: 600, keeps: 'steps' },
  'somebody else is there, too': { ...usual, strangers: 1 },
};

for (const seed of seeds.length > 0 ? seeds : [1])
  for (const [name, options] of Object.entries(cases)) {
    const drift = await new DriftLab(options, seed).run(seconds, 600);
    const { requests, prompt, predicted, reported, over, under } = drift;
    const times = drift.firstTokens.toSorted((a, b) => a - b);
    const at = (share: number): string => (times[Math.floor(share * (times.length - 1))] ?? NaN).toFixed(2);
    const share = (part: number, of: number): string => `${((100 * part) / of).toFixed(1)} %`;
    process.stdout.write(
      `seed ${seed}, ${name}: ${requests} requests, hits ${share(reported, prompt)}, predicted ${share(predicted, prompt)}, ` +
        `over ${share(over, reported)}, under ${share(under, reported)}, TTFT p50 ${at(0.5)} p95 ${at(0.95)} s\n`,
    );
  }
