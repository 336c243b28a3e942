import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { readFaults } from './server/faults.ts';
import { kvEventsForms, readKvEventsConfig } from './kv-events/kv-events-config.ts';
import { presetList, presetNames, presets } from './engine/presets.ts';

/**
 * Flag (the spelling of vLLM where it has one), environment variables in order of preference, default, and of a number
 * the least and the most. Times are in milliseconds.
 */
const settings = {
  /** Address to listen on. */
  host: ['host', 'FAIRWAY_SIM_HOST', '127.0.0.1'],
  /** Port; 0 takes a free one. */
  port: ['port', 'FAIRWAY_SIM_PORT', '8000', 0, 65_535],
  /** The name that requests call the model by. */
  model: ['model', 'FAIRWAY_SIM_MODEL', 'simulated'],
  /** Bearer key; prefer the variable, since arguments are visible to other users of the machine. */
  apiKey: ['api-key', 'FAIRWAY_SIM_API_KEY VLLM_API_KEY', ''],
  /** The same seed and prompt give the same answer. */
  seed: ['seed', 'FAIRWAY_SIM_SEED', '1', 0, 4_294_967_295],
  /** 1 is the imitated hardware's speed, 0.1 ten times as fast. */
  timeScale: ['time-scale', 'FAIRWAY_SIM_TIME_SCALE', '1', 0.0001, 1000],
  /** What is imitated. */
  preset: ['preset', 'FAIRWAY_SIM_PRESET', '30b-a3b-h200'],
  /** How long loading seems to take. */
  loadMs: ['load-ms', 'FAIRWAY_SIM_LOAD_MS', '0', 0, 3_600_000],
  /** Longest prompt plus output; 0 takes the preset's. */
  maxModelTokens: ['max-model-len', 'FAIRWAY_SIM_MAX_MODEL_LEN', '0', 0, Infinity],
  /** Share of the KV blocks that admission leaves free while others run. */
  watermark: ['watermark', 'FAIRWAY_SIM_WATERMARK', '0', 0, 0.99],
  /** Requests that may wait before new ones get a 503. */
  maxQueuedRequests: ['max-num-queued-reqs', 'FAIRWAY_SIM_MAX_QUEUED', '1024', 0, 100_000],
  /** Longest request body, bytes. */
  maxBodyBytes: ['max-body-bytes', 'FAIRWAY_SIM_MAX_BODY_BYTES', '16777216', 1024, 268_435_456],
  /** What running streams get after SIGTERM. */
  drainTimeoutMs: ['drain-timeout-ms', 'FAIRWAY_SIM_DRAIN_TIMEOUT_MS', '600000', 0, 86_400_000],
  /** How long a client may take nothing before its stream is cut. */
  stalledReaderTimeoutMs: [
    'stalled-reader-timeout-ms',
    'FAIRWAY_SIM_STALLED_READER_TIMEOUT_MS',
    '120000',
    10,
    86_400_000,
  ],
  /** Whether POST /fairway/faults works: on or off. */
  faultsEnabled: ['faults', 'FAIRWAY_SIM_FAULTS_ENABLED', 'on'],
  /** Faults that are on from the start, as JSON. */
  faults: ['fault-plan', 'FAIRWAY_SIM_FAULTS', '[]'],
  /** KV events over ZeroMQ, as JSON; without it there are none. */
  kvEvents: ['kv-events-config', 'FAIRWAY_SIM_KV_EVENTS', ''],
  /** How their batches are written: map, or array as older engines do. */
  kvEventsForm: ['kv-events-form', 'FAIRWAY_SIM_KV_EVENTS_FORM', 'map'],
  /** 0.05 varies each step by ±5 %. */
  jitter: ['jitter', 'FAIRWAY_SIM_JITTER', '0', 0, 0.5],
} as const;

type Name = keyof typeof settings;
type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of the simulated model server. */
export type SimConfig = Readonly<ReturnType<typeof readSimConfig>>;

/**
 * Reads flags, then environment, then defaults. By hand instead of with zod: a replica is one of many small processes,
 * and the schema library would be a quarter of its memory.
 * @throws ConfigError listing every value that does not fit.
 */
export function readSimConfig(args: readonly string[], env: Environment) {
  const problems: string[] = [];
  const text = readText(args, env);
  const number = (name: Name, highest = Infinity): number => {
    const [flag, , , least = 0, most = 0] = settings[name];
    const [value, limit] = [Number(text(name)), Math.min(most, highest)];
    if (!(value >= least && value <= limit))
      problems.push(`--${flag} must be a number from ${least} to ${limit}, not "${text(name)}".`);
    return value;
  };
  const preset = presetNames.find((name) => name === text('preset'));
  if (preset === undefined) problems.push(`--preset must be one of ${presetList}, not "${text('preset')}".`);
  const kvEventsForm = kvEventsForms.find((name) => name === text('kvEventsForm'));
  if (kvEventsForm === undefined)
    problems.push(`--kv-events-form must be one of ${kvEventsForms.join(', ')}, not "${text('kvEventsForm')}".`);
  const { maxModelTokens, kvTokens } = presets[preset ?? '30b-a3b-h200'];
  const longest = Math.min(maxModelTokens, kvTokens);
  const config = {
    host: text('host'),
    port: number('port'),
    model: text('model'),
    apiKey: text('apiKey') || undefined,
    seed: number('seed'),
    timeScale: number('timeScale'),
    preset: preset ?? '30b-a3b-h200',
    loadMs: number('loadMs'),
    maxModelTokens: number('maxModelTokens', longest) || longest,
    maxQueuedRequests: number('maxQueuedRequests'),
    watermark: number('watermark'),
    maxBodyBytes: number('maxBodyBytes'),
    drainTimeoutMs: number('drainTimeoutMs'),
    stalledReaderTimeoutMs: number('stalledReaderTimeoutMs'),
    faultsEnabled: text('faultsEnabled') === 'on',
    faults: readJson('fault-plan', () => readFaults(JSON.parse(text('faults'))), problems) ?? [],
    kvEvents: readJson('kv-events-config', () => readKvEventsConfig(text('kvEvents')), problems),
    kvEventsForm: kvEventsForm ?? 'map',
    jitter: number('jitter'),
  };
  if (problems.length > 0)
    throw new ConfigError(`The simulated model server cannot start:\n  ${problems.join('\n  ')}`);
  return config;
}

function readText(args: readonly string[], env: Environment): (name: Name) => string {
  const options = Object.fromEntries(Object.values(settings).map(([flag]) => [flag, { type: 'string' as const }]));
  let flags: Readonly<Record<string, unknown>>;
  try {
    flags = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new ConfigError(
      `${error instanceof Error ? error.message : String(error)}\nFlags: --${Object.keys(options).join(' --')}`,
    );
  }
  return (name) => {
    const [flag, variables, otherwise] = settings[name];
    const given = variables.split(' ').map((variable) => env[variable]);
    return (
      [flags[flag], ...given.map((value) => value || undefined), otherwise].find(
        (value) => typeof value === 'string',
      ) ?? ''
    );
  };
}

function readJson<T>(flag: string, read: () => T, problems: string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    problems.push(`--${flag}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
