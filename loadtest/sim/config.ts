import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { readFaults, type Fault } from './server/faults.ts';
import { presetNames, presets, type PresetName } from './engine/presets.ts';

/** Settings of the simulated model server; times in milliseconds. */
export interface SimConfig {
  readonly host: string;
  readonly port: number;
  readonly model: string;
  readonly apiKey: string | undefined;
  readonly seed: number;
  readonly timeScale: number;
  readonly preset: PresetName;
  readonly loadMs: number;
  readonly maxModelTokens: number;
  readonly maxQueuedRequests: number;
  readonly maxBodyBytes: number;
  readonly drainTimeoutMs: number;
  readonly stalledReaderTimeoutMs: number;
  readonly faultsEnabled: boolean;
  readonly faults: readonly Fault[];
  /** Shares of its duration by which a step varies. */
  readonly jitter: number;
}

interface Setting {
  readonly flag: string;
  readonly env: readonly string[];
  readonly otherwise: string;
}

/** Flag (the spelling of vLLM where it has one), environment variables in order of preference, default. */
const settings = {
  /** Address to listen on. */
  host: { flag: 'host', env: ['FAIRWAY_SIM_HOST'], otherwise: '127.0.0.1' },
  /** Port; 0 takes a free one. */
  port: { flag: 'port', env: ['FAIRWAY_SIM_PORT'], otherwise: '8000' },
  /** The name that requests call the model by. */
  model: { flag: 'model', env: ['FAIRWAY_SIM_MODEL'], otherwise: 'simulated' },
  /** Bearer key; prefer the variable, since arguments are visible to other users of the machine. */
  apiKey: { flag: 'api-key', env: ['FAIRWAY_SIM_API_KEY', 'VLLM_API_KEY'], otherwise: '' },
  /** The same seed and prompt give the same answer. */
  seed: { flag: 'seed', env: ['FAIRWAY_SIM_SEED'], otherwise: '1' },
  /** 1 is the imitated hardware's speed, 0.1 ten times as fast. */
  timeScale: { flag: 'time-scale', env: ['FAIRWAY_SIM_TIME_SCALE'], otherwise: '1' },
  /** What is imitated. */
  preset: { flag: 'preset', env: ['FAIRWAY_SIM_PRESET'], otherwise: '30b-a3b-h200' },
  /** How long loading seems to take. */
  loadMs: { flag: 'load-ms', env: ['FAIRWAY_SIM_LOAD_MS'], otherwise: '0' },
  /** Longest prompt plus output; 0 takes the preset's. */
  maxModelTokens: { flag: 'max-model-len', env: ['FAIRWAY_SIM_MAX_MODEL_LEN'], otherwise: '0' },
  /** Requests that may wait before new ones get a 503. */
  maxQueuedRequests: { flag: 'max-num-queued-reqs', env: ['FAIRWAY_SIM_MAX_QUEUED'], otherwise: '1024' },
  /** Longest request body, bytes. */
  maxBodyBytes: { flag: 'max-body-bytes', env: ['FAIRWAY_SIM_MAX_BODY_BYTES'], otherwise: '16777216' },
  /** What running streams get after SIGTERM. */
  drainTimeoutMs: { flag: 'drain-timeout-ms', env: ['FAIRWAY_SIM_DRAIN_TIMEOUT_MS'], otherwise: '600000' },
  /** How long a client may take nothing before its stream is cut. */
  stalledReaderTimeoutMs: {
    flag: 'stalled-reader-timeout-ms',
    env: ['FAIRWAY_SIM_STALLED_READER_TIMEOUT_MS'],
    otherwise: '120000',
  },
  /** Whether POST /fairway/faults works: on or off. */
  faultsEnabled: { flag: 'faults', env: ['FAIRWAY_SIM_FAULTS_ENABLED'], otherwise: 'on' },
  /** Faults that are on from the start, as JSON. */
  faults: { flag: 'fault-plan', env: ['FAIRWAY_SIM_FAULTS'], otherwise: '[]' },
  /** 0.05 varies each step by ±5 %. */
  jitter: { flag: 'jitter', env: ['FAIRWAY_SIM_JITTER'], otherwise: '0' },
} as const satisfies Record<keyof SimConfig, Setting>;

/**
 * Reads flags, then environment, then defaults. By hand instead of with zod: a replica is one of many small processes,
 * and the schema library would be a quarter of its memory.
 * @throws ConfigError listing every value that does not fit.
 */
export function readSimConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): SimConfig {
  const problems: string[] = [];
  const text = readText(args, env);
  const number = (name: keyof SimConfig, from: number, to: number): number => {
    const value = Number(text(name));
    if (!(value >= from && value <= to))
      problems.push(`--${settings[name].flag} must be a number from ${from} to ${to}, not "${text(name)}".`);
    return value;
  };
  const preset = presetNames.find((name) => name === text('preset'));
  if (preset === undefined)
    problems.push(`--preset must be one of ${presetNames.join(', ')}, not "${text('preset')}".`);
  const limit = Math.min(presets[preset ?? '30b-a3b-h200'].maxModelTokens, presets[preset ?? '30b-a3b-h200'].kvTokens);
  const config: SimConfig = {
    host: text('host'),
    port: number('port', 0, 65_535),
    model: text('model'),
    apiKey: text('apiKey') === '' ? undefined : text('apiKey'),
    seed: number('seed', 0, 4_294_967_295),
    timeScale: number('timeScale', 0.0001, 1000),
    preset: preset ?? '30b-a3b-h200',
    loadMs: number('loadMs', 0, 3_600_000),
    maxModelTokens: number('maxModelTokens', 0, limit) || limit,
    maxQueuedRequests: number('maxQueuedRequests', 0, 100_000),
    maxBodyBytes: number('maxBodyBytes', 1024, 268_435_456),
    drainTimeoutMs: number('drainTimeoutMs', 0, 86_400_000),
    stalledReaderTimeoutMs: number('stalledReaderTimeoutMs', 10, 86_400_000),
    faultsEnabled: text('faultsEnabled') === 'on',
    faults: readPlan(text('faults'), problems),
    jitter: number('jitter', 0, 0.5),
  };
  if (problems.length > 0)
    throw new ConfigError(`The simulated model server cannot start:\n  ${problems.join('\n  ')}`);
  return config;
}

function readText(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): (name: keyof SimConfig) => string {
  const options = Object.fromEntries(Object.values(settings).map(({ flag }) => [flag, { type: 'string' as const }]));
  let flags: Readonly<Record<string, unknown>>;
  try {
    flags = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new ConfigError(
      `${error instanceof Error ? error.message : String(error)}\nFlags: --${Object.keys(options).join(' --')}`,
    );
  }
  return (name) => {
    const setting = settings[name];
    const given = flags[setting.flag];
    if (typeof given === 'string') return given;
    for (const variable of setting.env) {
      const value = env[variable];
      if (value !== undefined && value !== '') return value;
    }
    return setting.otherwise;
  };
}

function readPlan(text: string, problems: string[]): Fault[] {
  try {
    return readFaults(JSON.parse(text));
  } catch (error) {
    problems.push(`--fault-plan: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
