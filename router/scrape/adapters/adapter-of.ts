import type { EngineAdapterName, PoolDocument } from '#shared/contract/replica.ts';
import type { ReplicaSignals } from '../../replicas/replica-view.ts';
import type { EngineAdapter } from './engine-adapter.ts';
import { llamaCpp } from './llama-cpp.ts';
import { absurd, Samples } from './samples.ts';
import { sglang } from './sglang.ts';
import { triton } from './triton.ts';
import { trtllmServe } from './trtllm-serve.ts';
import { vllm } from './vllm.ts';

/** Every adapter by the name that pools have it under. */
const adapters: Readonly<Record<EngineAdapterName, EngineAdapter>> = {
  vllm,
  sglang,
  'llama-cpp': llamaCpp,
  'trtllm-serve': trtllmServe,
  triton,
};
const byName: ReadonlyMap<string | undefined, EngineAdapter> = new Map(Object.entries(adapters));

/** Who reads a pool's engines. */
export function adapterOf({ adapter, metrics }: PoolDocument['engine']): EngineAdapter {
  return byName.get(adapter) ?? readingNames(metrics);
}

/** What an engine's texts say; figures that are unknown or absurd are left out. */
export function signalsOf(
  engine: PoolDocument['engine'],
  { metrics, other }: { metrics: string; other: unknown },
): ReplicaSignals {
  const figures = adapterOf(engine).read(new Samples(metrics), engine, other);
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => isKnown(value)));
}

/** Also of what is reckoned from several figures, or out of labels. */
function isKnown(value: unknown): boolean {
  return typeof value === 'number' ? value >= 0 && value <= absurd : value !== undefined;
}

/** An engine that no adapter knows, by the names in its pool's document. */
function readingNames({ running, waiting, kvUse }: PoolDocument['engine']['metrics']): EngineAdapter {
  return {
    read: (samples) => ({
      running: samples.sum(running),
      waiting: samples.sum(waiting),
      kvUse: samples.share(kvUse),
    }),
  };
}
