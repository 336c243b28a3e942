import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';

const flags = {
  virtual: { type: 'boolean' },
  'time-scale': { type: 'string' },
  stack: { type: 'string' },
  seed: { type: 'string' },
  seeds: { type: 'string' },
  policy: { type: 'string' },
  routers: { type: 'string' },
  scale: { type: 'string' },
  full: { type: 'boolean' },
  trace: { type: 'string' },
  speed: { type: 'string' },
  keep: { type: 'string' },
  report: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What `npm run load -- --help` prints above the scenarios. */
export const usage = `npm run load -- SCENARIO [--virtual] [options]
                       with processes of this machine: routers, Valkey, simulated model servers; as long as it says
  --virtual            in virtual time: the router's own brain, everything around it simulated; an hour in seconds
  --stack FILE         those of the stack that npm run dev -- --json FILE runs, in place of some of its own
  --time-scale X       of processes: 0.1 is ten times as fast, where the machine keeps up
  --seeds 1,2 or 1-6   in place of the scenario's; 1 to 20 are for tuning, 101 to 112 for reporting (--seed N: one)
  --policy NAME        another rule than the scenario's
  --routers N          as many routers
  --scale N            N times the engineers and replicas: overload at 6 is 2,000 engineers on 48 replicas
  --full               in full length: the whole day
  --trace FILE         the trace to replay, Mooncake (JSON Lines) or Azure (CSV); --speed N: so many times as fast
  --keep FOLDER        keeps each run there
  --report             makes a page of the runs, beside them (in .fairway/load where --keep does not say)
Ends with 0 if all marks hold, 1 if not, 2 if it could not be understood.`;

/** What is asked for. */
export interface LoadOptions {
  /** Undefined: which scenarios there are. */
  readonly scenario: string | undefined;
  /** Of real processes: 0.1 is ten times as fast. Undefined: in virtual time. */
  readonly timeScale: number | undefined;
  /** What a stack that runs has written of itself. */
  readonly stack: string | undefined;
  readonly seeds: readonly number[] | undefined;
  /** Members of the scenario that are to be others. */
  readonly changes: object;
  readonly isFull: boolean;
  readonly scale: number;
  /** Options that decide what runs, as they were written. */
  readonly again: string;
  readonly keep: string | undefined;
  readonly wantsReport: boolean;
}

/** Reads the command line. @throws ConfigError that says what is wrong */
export function readLoadOptions(args: readonly string[]): LoadOptions {
  const { values, positionals } = parsed(args);
  const [scenario, ...more] = positionals;
  if (more.length > 0)
    throw new ConfigError(`One scenario at a time: ${positionals.join(', ')} are ${positionals.length}.`);
  const { policy, routers, trace, speed, seed, seeds = seed, scale = '1', report = false, help } = values;
  const { keep = report ? '.fairway/load' : undefined } = values;
  if (speed !== undefined && trace === undefined) throw new ConfigError('--speed is that of a --trace.');
  const isVirtual = values.virtual === true;
  const { 'time-scale': timeScale, stack } = values;
  if (isVirtual && (timeScale ?? stack) !== undefined)
    throw new ConfigError('--time-scale and --stack are of processes, not of --virtual.');
  if (timeScale !== undefined && !(Number(timeScale) >= 0.01 && Number(timeScale) <= 10))
    throw new ConfigError(`--time-scale takes numbers from 0.01 to 10, not "${timeScale}".`);
  const again = {
    virtual: values.virtual,
    'time-scale': timeScale,
    policy,
    routers,
    trace,
    speed,
    scale: values.scale,
    full: values.full,
  };
  return {
    scenario: help === true ? undefined : scenario,
    stack,
    timeScale: isVirtual ? undefined : Number(timeScale ?? '1'),
    seeds: seeds === undefined ? undefined : readSeeds(seeds),
    changes: {
      ...(policy !== undefined && { policy }),
      ...(routers !== undefined && { routers: whole('routers', routers) }),
      ...(trace !== undefined && { workload: { kind: 'trace', file: trace, speed: Number(speed ?? '1') } }),
    },
    isFull: values.full === true,
    scale: whole('scale', scale),
    again: Object.entries(again)
      .map(([flag, value]) => (value === undefined ? '' : ` --${flag}${value === true ? '' : ` ${value}`}`))
      .join(''),
    keep,
    wantsReport: report,
  };
}

/** The command that repeats one seed of what was asked for. */
export function repeats({ scenario, again }: LoadOptions, seed: number): string {
  return `npm run load -- ${scenario} --seed ${seed}${again}`;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
}

function readSeeds(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first = '', last = first] = part.split('-');
    const [from, to] = [whole('seeds', first), whole('seeds', last)];
    if (to < from) throw new ConfigError(`--seeds ${text}: ${part} ends before it begins.`);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

function whole(flag: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new ConfigError(`--${flag} takes whole numbers from 1 on, not "${text}".`);
  return Number(text);
}
