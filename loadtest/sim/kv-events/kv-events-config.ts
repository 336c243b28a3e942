import { isRecord } from '#shared/runtime/is-record.ts';

/** Where and how KV events are published: the members of vLLM's `--kv-events-config` that matter here. */
export interface KvEventsConfig {
  readonly endpoint: string;
  /** Where missed batches can be asked for; without it nowhere. */
  readonly replayEndpoint: string | undefined;
  /** Batches that are kept for that. */
  readonly bufferSteps: number;
  /** Messages that may wait for one subscriber; more are lost to it. */
  readonly highWaterMark: number;
  readonly topic: string;
}

/** A batch's form: maps (vLLM from 0.25 on), or the arrays of older ones and of SGLang, whose replies have no topic. */
export type KvEventsForm = (typeof kvEventsForms)[number];

/** The forms by name. */
export const kvEventsForms = ['map', 'array'] as const;

/**
 * Reads the flag's JSON with vLLM's names and defaults; undefined when events are off.
 * @throws Error saying what is wrong.
 */
export function readKvEventsConfig(text: string): KvEventsConfig | undefined {
  if (text === '') return undefined;
  const given: unknown = JSON.parse(text);
  if (!isRecord(given)) throw new Error('expected an object like {"enable_kv_cache_events":true,"publisher":"zmq"}.');
  if (given['enable_kv_cache_events'] === false || given['publisher'] === 'null') return undefined;
  const string = (name: string, otherwise: string): string => {
    const value = given[name] ?? otherwise;
    if (typeof value === 'string') return value;
    throw new Error(`"${name}" must be a text.`);
  };
  const count = (name: string, otherwise: number, least = 0): number => {
    const value = given[name] ?? otherwise;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= 1e6) return value;
    throw new Error(`"${name}" must be a whole number from ${least} to 1000000.`);
  };
  return {
    endpoint: string('endpoint', 'tcp://*:5557'),
    replayEndpoint: string('replay_endpoint', '') || undefined,
    bufferSteps: count('buffer_steps', 10_000),
    // 0 is no bound to ZeroMQ.
    highWaterMark: count('hwm', 100_000, 1),
    topic: string('topic', ''),
  };
}
