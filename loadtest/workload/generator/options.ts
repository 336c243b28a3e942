import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { workloadSchema, type WorkloadChoice } from '../workload.ts';
import { baseOf } from './target.ts';
import { answerOrders, type BodyStyle } from './written-body.ts';

/** What is asked of whom. Times in minutes and seconds of the clock. */
export interface LoadOptions extends WorkloadChoice {
  /** Up to, and without, `/v1`. */
  readonly url: string;
  readonly token: string | undefined;
  /** Left out, the target's only one. */
  readonly model: string | undefined;
  readonly processes: number;
  readonly minutes: number;
  readonly warmUpMinutes: number;
  /** How many times shorter waits are, and times between arrivals. */
  readonly speed: number;
  /** Requests of an open loop that are under way at once at most, those that are to be sent again included. */
  readonly openMax: number;
  readonly answers: BodyStyle['answers'];
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  /** The target's processes on this machine: ids, and files that hold one. */
  readonly pids: readonly string[];
  /** Where the run is kept; left out, under `.fairway/load`. */
  readonly keep: string | undefined;
  /** Options that make the same run again, without what may be a key. */
  readonly again: readonly string[];
}

const flags = {
  url: { type: 'string' },
  token: { type: 'string' },
  model: { type: 'string' },
  engineers: { type: 'string' },
  processes: { type: 'string' },
  seed: { type: 'string' },
  minutes: { type: 'string' },
  warmup: { type: 'string' },
  speed: { type: 'string' },
  workload: { type: 'string' },
  open: { type: 'string' },
  answers: { type: 'string' },
  header: { type: 'string', multiple: true },
  timeout: { type: 'string' },
  pids: { type: 'string' },
  keep: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What `--help` prints. */
export const usage = `node loadtest/workload/generator/main.ts --url URL [options]
  --url URL            of any OpenAI-compatible server, with or without /v1 at its end
  --token TEXT         its API key; better FAIRWAY_TOKEN, which others cannot see in a list of processes
  --model NAME         default: the server's only one
  --engineers N        engineers who ask, each waiting for an answer before asking again (default 20)
  --seed N             the same seed gives the same requests (default 1)
  --minutes X          how long, the warm-up included (default 10)
  --warmup X           minutes that do not count (default 2)
  --workload JSON      what is asked in place of engineers, e.g. '{"kind":"trace","file":"conversation_trace.jsonl"}': all
                       kinds are in loadtest/workload/README.md
  --speed X            waits, and times between arrivals, are X times shorter (default 1)
  --open N             requests of an open loop that may be under way at once; what is due beyond them is not sent, and
                       counted as unsent (default 5000)
  --answers KIND       how long answers are: at-most (default: max_tokens), exact (ignore_eos beside it: vLLM, SGLang,
                       llama.cpp), sim (loadtest/sim alone, unseen by routers)
  --header 'N: V'      sent with each request; {client} and {session} in V say who asks; may be given several times
  --timeout X          seconds without a word after which a request is given up (default 600)
  --processes N        that ask (default: one for each 500 engineers, at most one for each core)
  --pids A,B           the server's processes on this machine, or files with their ids: their CPU and memory are told
  --keep FOLDER        where the run is kept (default: a new folder in .fairway/load)`;

/** Thrown for --help: the text goes to standard output and the exit code is 0. */
export class UsageAskedError extends Error {}

const engineersOfProcess = 500;

/** Reads the command line. @throws ConfigError with every problem; UsageAskedError for --help. */
export function readLoadOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): LoadOptions {
  const values = parse(args);
  if (values.help === true) throw new UsageAskedError(usage);
  const problems: string[] = [];
  const number = (flag: NumberFlag, fallback: number, { least = 0, whole = false } = {}): number => {
    const given = values[flag];
    const value = given === undefined ? fallback : Number(given);
    if (!(value >= least) || value > 1e6 || (whole && !Number.isInteger(value)))
      problems.push(`--${flag} must be a ${whole ? 'whole ' : ''}number from ${least} on, not "${given}".`);
    return value;
  };
  const { answers: order = 'at-most' } = values;
  const answers = answerOrders.find((one) => one === order);
  if (answers === undefined) problems.push(`--answers must be one of ${answerOrders.join(', ')}, not "${order}".`);
  const engineers = number('engineers', 20, { least: 1, whole: true });
  const wanted = Math.min(Math.ceil(engineers / engineersOfProcess), availableParallelism());
  const options: LoadOptions = {
    url: urlOf(values.url, problems),
    token: values.token ?? env['FAIRWAY_TOKEN'],
    model: values.model,
    engineers,
    processes: number('processes', Math.max(1, wanted), { least: 1, whole: true }),
    seed: number('seed', 1, { whole: true }),
    minutes: number('minutes', 10, { least: 0.01 }),
    warmUpMinutes: number('warmup', 2),
    speed: number('speed', 1, { least: 0.001 }),
    workload: workloadOf(values.workload, problems),
    openMax: number('open', 5000, { least: 1, whole: true }),
    answers: answers ?? 'at-most',
    headers: Object.fromEntries((values.header ?? []).map((header) => headerOf(header, problems))),
    timeoutSeconds: number('timeout', 600, { least: 0.001 }),
    pids: values.pids?.split(',').filter(Boolean) ?? [],
    keep: values.keep,
    again: againOf(values),
  };
  if (options.warmUpMinutes >= options.minutes)
    problems.push(`--warmup ${options.warmUpMinutes} leaves nothing to measure of --minutes ${options.minutes}.`);
  if (problems.length > 0) throw new ConfigError(problems.join('\n') + seeHelp);
  return options;
}

const seeHelp = '\nSee: node loadtest/workload/generator/main.ts --help';

type NumberFlag = 'engineers' | 'processes' | 'seed' | 'minutes' | 'warmup' | 'speed' | 'open' | 'timeout';

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: false }).values;
  } catch (error) {
    throw new ConfigError((error instanceof Error ? error.message : String(error)) + seeHelp);
  }
}

function againOf({
  token: _token,
  keep: _keep,
  pids: _pids,
  header = [],
  ...rest
}: ReturnType<typeof parse>): string[] {
  const shown = header.map((one) => (one.includes('{') ? one : one.replace(/:.*/s, ': …')));
  return [
    ...Object.entries(rest).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
    ...shown.flatMap((one) => ['--header', one]),
  ];
}

function urlOf(text: string | undefined, problems: string[]): string {
  const base = text === undefined ? undefined : baseOf(text);
  if (base !== undefined) return base;
  problems.push(`--url must be http://… or https://…, without a query${text === undefined ? '' : `, not "${text}"`}.`);
  return '';
}

function workloadOf(text: string | undefined, problems: string[]): WorkloadChoice['workload'] {
  const written = text === undefined ? undefined : (parseJson(text) ?? 'no JSON');
  const { data, error } = workloadSchema.safeParse(written);
  if (data !== undefined) return data;
  problems.push(`--workload is none: ${z.prettifyError(error)}`);
  return workloadSchema.parse(undefined);
}

function headerOf(header: string, problems: string[]): [name: string, value: string] {
  const [, name = '', value = ''] = /^([\w-]+):\s*(.*)$/.exec(header) ?? [];
  if (name === '') problems.push(`--header must be "name: value", not "${header}".`);
  return [name.toLowerCase(), value];
}
