import type { EnginePreset } from '../engine/presets.ts';
import type { EngineStats } from '../engine/engine.ts';

/** Why a request ended, in vLLM's words. */
export type FinishedReason = 'stop' | 'length' | 'abort' | 'error';

/** vLLM's own bucket bounds for the time to first token and between tokens, seconds. */
const firstTokenBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
];
const latencyBounds = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

/**
 * The numbers that the model server shows on /metrics, with vLLM's names and labels. Written by hand because the
 * names are another program's contract and most values are read from the engine at the moment of the scrape.
 */
export class ModelMetrics {
  readonly #labels: string;
  readonly #preset: EnginePreset;
  readonly #finished = { stop: 0, length: 0, abort: 0, error: 0, repetition: 0 };
  readonly #firstToken = new Histogram(firstTokenBounds);
  readonly #latency = new Histogram(latencyBounds);
  #rejected = 0;

  constructor(model: string, preset: EnginePreset) {
    this.#labels = `engine="0",model_name="${model.replace(/["\\\n]/g, '_')}"`;
    this.#preset = preset;
  }

  finished(reason: FinishedReason): void {
    this.#finished[reason] += 1;
  }

  firstToken(seconds: number): void {
    this.#firstToken.observe(seconds);
  }

  endToEnd(seconds: number): void {
    this.#latency.observe(seconds);
  }

  rejected(): void {
    this.#rejected += 1;
  }

  /** Prometheus text, version 0.0.4. */
  render(stats: EngineStats): string {
    const lines: string[] = [];
    const add = (type: 'gauge' | 'counter', name: string, values: Record<string, number>): void => {
      lines.push(`# HELP vllm:${name} As vLLM counts it.`, `# TYPE vllm:${name} ${type}`);
      for (const [extra, value] of Object.entries(values))
        lines.push(`vllm:${name}{${this.#labels}${extra === '' ? '' : `,${extra}`}} ${decimal(value)}`);
    };
    const computed = stats.promptTokens - stats.cachedTokens;
    add('gauge', 'num_requests_running', { '': stats.running });
    add('gauge', 'num_requests_waiting', { '': stats.waiting });
    add('gauge', 'num_requests_waiting_by_reason', { 'reason="capacity"': stats.waiting, 'reason="deferred"': 0 });
    add('gauge', 'kv_cache_usage_perc', { '': stats.kvUsage });
    add('gauge', 'cache_config_info', { [this.#cacheConfig()]: 1 });
    add('counter', 'prefix_cache_queries_total', { '': stats.promptTokens });
    add('counter', 'prefix_cache_hits_total', { '': stats.cachedTokens });
    add('counter', 'num_preemptions_total', { '': stats.preemptions });
    add('counter', 'prompt_tokens_total', { '': stats.promptTokens });
    add('counter', 'prompt_tokens_by_source_total', {
      'source="local_compute"': computed,
      'source="local_cache_hit"': stats.cachedTokens,
      'source="external_kv_transfer"': 0,
    });
    add('counter', 'prompt_tokens_cached_total', { '': stats.cachedTokens });
    add('counter', 'generation_tokens_total', { '': stats.generatedTokens });
    const reasons = Object.entries(this.#finished).map(([reason, count]) => [`finished_reason="${reason}"`, count]);
    add('counter', 'request_success_total', Object.fromEntries(reasons));
    lines.push('# TYPE vllm:admission_rejections_total counter');
    const model = this.#labels.replace('engine="0",', '');
    lines.push(`vllm:admission_rejections_total{${model},reason="max_num_queued_reqs"} ${decimal(this.#rejected)}`);
    lines.push(...this.#firstToken.lines('vllm:time_to_first_token_seconds', this.#labels));
    lines.push(...this.#latency.lines('vllm:e2e_request_latency_seconds', this.#labels));
    return `${lines.join('\n')}\n`;
  }

  #cacheConfig(): string {
    const { blockTokens, kvTokens } = this.#preset;
    const blocks = Math.floor(kvTokens / blockTokens);
    return `block_size="${blockTokens}",cache_dtype="auto",enable_prefix_caching="True",kv_cache_size_tokens="${kvTokens}",num_gpu_blocks="${blocks}"`;
  }
}

class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const at = found < 0 ? this.#bounds.length : found;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  lines(name: string, labels: string): string[] {
    let total = 0;
    const buckets = this.#counts.map((count, index) => {
      total += count;
      return `${name}_bucket{${labels},le="${decimal(this.#bounds[index] ?? Infinity)}"} ${decimal(total)}`;
    });
    const sums = [`${name}_count{${labels}} ${decimal(total)}`, `${name}_sum{${labels}} ${decimal(this.#sum)}`];
    return [`# TYPE ${name} histogram`, ...buckets, ...sums];
  }
}

/** Python's spelling of a float: whole numbers end in ".0". */
function decimal(value: number): string {
  if (value === Infinity) return '+Inf';
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
