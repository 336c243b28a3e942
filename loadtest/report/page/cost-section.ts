import { overSeeds, ratioTo, type Contender } from './seen/contender.ts';
import { costOf, type Cost } from './cost.ts';
import { gpuPriceOf, type GpuPrice } from './gpu-price.ts';
import { dollars, numeral, percent, spreadText } from './numerals.ts';
import type { Section } from './page.ts';
import type { RunSeen } from './seen/run-seen.ts';

/** Hours of a month: a year's twelfth. */
const hoursPerMonth = 730;

/** Of what is routed, not of what is asked: contenders may differ in these and still be compared by cost. */
const ofRouting = { seed: 0, policy: '', routers: 0, sessionHeader: false, lateBinding: false };

type PriceOf = (run: RunSeen) => GpuPrice | undefined;

/** What fleets cost, and what the first of them saves. `given`: a price in place of the one that is known. */
export function costSection(contenders: readonly Contender[], given?: GpuPrice): Section {
  const priceOf: PriceOf = ({ about }) => given ?? gpuPriceOf(about);
  const [first, ...others] = contenders;
  const value = (one: Contender, of: (cost: Cost, run: RunSeen) => number, text = numeral): string =>
    spreadText(
      overSeeds(one, (_, run) => of(costOf(run, priceOf(run)), run)),
      text,
    );
  const row = (name: string, of: (cost: Cost, run: RunSeen) => number, text = numeral): string[] => [
    name,
    ...contenders.map((one) => value(one, of, text)),
  ];
  const millions =
    (of: (tokens: RunSeen['tokens']) => number) =>
    (_: Cost, { tokens }: RunSeen) =>
      of(tokens) / 1e6;
  return {
    title: 'Cost: what this router saves',
    says: [
      ...(first === undefined ? [] : others.map((other) => savingSentence(first, other, priceOf))),
      ...pricesSentences(contenders, priceOf),
      'Method: every replica is paid for from the end of the warm-up to the end of the run, busy or not, and that sum is divided by what was answered in that time: by all tokens, by prompt tokens alone, by output tokens alone. Idle is the share of samples in which a replica had no request at all. Prefill amplification is prompt tokens computed per token that no cache could have had. Routers, disks and traffic are not in it.',
    ],
    tables: [
      {
        caption: 'Cost after the warm-up, a run',
        head: ['', ...contenders.map(({ label }) => label)],
        rows: [
          row('Prefill amplification', (_, { figures }) => figures.amplification),
          row(
            'Uncached prompt tokens, millions',
            millions(({ prompt, cached }) => prompt - cached),
          ),
          row(
            'Cached prompt tokens, millions',
            millions(({ cached }) => cached),
          ),
          row(
            'Output tokens, millions',
            millions(({ output }) => output),
          ),
          row('GPU-hours', ({ gpuHours }) => gpuHours),
          row('GPUs, $', (cost) => cost.dollars, dollars),
          row('of which idle, $', (cost) => cost.idleDollars, dollars),
          row('$ per million tokens, input and output', ({ perMillion }) => perMillion.all, dollars),
          row('$ per million input tokens', ({ perMillion }) => perMillion.input, dollars),
          row('$ per million output tokens', ({ perMillion }) => perMillion.output, dollars),
          row('$ per 1,000 good answers', ({ perThousandGood }) => perThousandGood, dollars),
        ],
      },
    ],
  };
}

function savingSentence(first: Contender, other: Contender, priceOf: PriceOf): string {
  const perToken = (_: unknown, run: RunSeen): number => costOf(run, priceOf(run)).perMillion.all;
  const perGood = (_: unknown, run: RunSeen): number => costOf(run, priceOf(run)).perThousandGood;
  const ratio = ratioTo(first, other, perToken);
  const goodRatio = ratioTo(first, other, perGood);
  if (!isSameWork(first, other) || ratio === undefined || goodRatio === undefined)
    return `${other.label} had other work to do than ${first.label}, or other seeds: their costs are not compared.`;
  if (!Number.isFinite(ratio.middle)) return `What ${other.label} costs beside ${first.label} is unknown.`;
  const [run] = first.runs;
  const { replicas: asked = run.replicas.length } = run.about.scenario;
  const fleetMonth = asked * (priceOf(run)?.perHour ?? Number.NaN) * hoursPerMonth;
  const share = (times: number): number => 1 - 1 / times;
  const { middle, least, most } = ratio;
  const saved = spreadText({ middle: share(middle), least: share(least), most: share(most) }, percent);
  const simulated = [first, other].some((one) => one.runs.some(({ about }) => about.mode === 'virtual'));
  return [
    ratio.middle >= 1
      ? `${simulated ? 'Simulated: ' : ''}${first.label} saves ${saved} of what a token costs with ${other.label}`
      : `${simulated ? 'Simulated: ' : ''}${first.label} saves nothing beside ${other.label}: a token costs ${percent(1 / ratio.middle - 1)} more`,
    ` (${dollars(overSeeds(first, perToken).middle)} instead of ${dollars(overSeeds(other, perToken).middle)} per million tokens; per good answer ${other.label} costs ${numeral(goodRatio.middle)} times as much).`,
    ratio.middle >= 1
      ? ` What this fleet of ${dollars(fleetMonth)} a month serves at this load would cost ${dollars(fleetMonth * (ratio.middle - 1))} a month more there, were cost to grow with tokens.`
      : '',
  ].join('');
}

function isSameWork(one: Contender, other: Contender): boolean {
  const [work, otherWork] = [one, other].map(({ runs }) => JSON.stringify({ ...runs[0].about.scenario, ...ofRouting }));
  return work === otherWork;
}

function pricesSentences(contenders: readonly Contender[], priceOf: PriceOf): string[] {
  const prices = new Set(
    contenders.map(({ label, runs: [run] }) => {
      const price = priceOf(run);
      return price === undefined
        ? `What the GPUs of ${label} cost is not known: say it with --gpu-price and --gpus.`
        : `A replica has ${price.gpus === 1 ? 'one GPU' : `${price.gpus} GPUs`} and costs $${price.perHour.toFixed(2)} an hour (${price.source}).`;
    }),
  );
  return [...prices];
}
