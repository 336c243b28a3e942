import { expect, it } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { ModelMetrics } from './model-metrics.ts';
import { presets } from '../engine/presets.ts';

const preset = presets['30b-a3b-h200'];
const sample = /^(vllm:[a-z0-9_]+)\{((?:[a-z_]+="[^"]*",?)+)\} (\d+\.\d+(?:e[+-]\d+)?)$/;

/** Sample names as recorded from vLLM 0.32; everything that the simulator shows is among them. */
const recordedNames = `num_requests_running num_requests_waiting num_requests_waiting_by_reason kv_cache_usage_perc
  cache_config_info prefix_cache_queries_total prefix_cache_hits_total num_preemptions_total prompt_tokens_total
  prompt_tokens_by_source_total prompt_tokens_cached_total generation_tokens_total request_success_total
  admission_rejections_total time_to_first_token_seconds_bucket time_to_first_token_seconds_count
  time_to_first_token_seconds_sum e2e_request_latency_seconds_bucket e2e_request_latency_seconds_count
  e2e_request_latency_seconds_sum`;

it('shows the names and labels that vLLM shows, in Prometheus text', () => {
  const metrics = new ModelMetrics('Qwen/Qwen3-30B', preset);
  metrics.finished('stop');
  metrics.firstToken(0.07);
  const lines = metrics.render(new Engine(preset).stats()).trimEnd().split('\n');
  const samples = lines.filter((line) => !line.startsWith('#')).map((line) => sample.exec(line));
  expect(samples).not.toContain(null);
  const names = new Set(samples.map((found) => found?.[1]?.replace('vllm:', '')));
  expect(names).toEqual(new Set(recordedNames.split(/\s+/)));
  const labelled = samples.filter((found) => found?.[2]?.includes('model_name="Qwen/Qwen3-30B"'));
  expect(labelled).toHaveLength(samples.length);
  expect(lines).toContain('vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-30B"} 0.0');
});

it('counts a value in its bucket and all above', () => {
  const metrics = new ModelMetrics('m', preset);
  for (const seconds of [0.07, 0.09, 3000]) metrics.firstToken(seconds);
  const text = metrics.render(new Engine(preset).stats());
  const bucket = (bound: string): string | undefined =>
    new RegExp(`time_to_first_token_seconds_bucket\\{[^}]*le="${bound.replace('+', '\\+')}"\\} (.*)`).exec(text)?.[1];
  expect(['0.06', '0.08', '0.1', '2560.0', '+Inf'].map(bucket)).toEqual(['0.0', '1.0', '2.0', '2.0', '3.0']);
});

it('reads use of the cache, who waits for it and preemptions from the engine', () => {
  const engine = new Engine({ ...preset, kvTokens: 640 });
  const metrics = new ModelMetrics('m', preset);
  const value = (name: string): string | undefined =>
    new RegExp(`^vllm:${name}[^}]*} (.*)$`, 'm').exec(metrics.render(engine.stats()))?.[1];
  for (const id of ['a', 'b', 'c']) engine.submit({ id, promptTokens: 280, outputTokens: 200, blocks: [] }, 0);
  engine.advance(0);
  expect([value('kv_cache_usage_perc'), value('num_requests_running')]).toEqual(['0.9', '2.0']);
  expect([value('num_requests_waiting_by_reason'), value('num_preemptions_total')]).toEqual(['1.0', '0.0']);
  while (engine.stats().preemptions === 0) engine.advance(engine.nextEventAt() ?? 0);
  expect([value('num_requests_waiting_by_reason'), value('num_preemptions_total')]).toEqual(['2.0', '1.0']);
});

it('cannot be broken by the name of the model', () => {
  const text = new ModelMetrics('a"} 1\nb\\', preset).render(new Engine(preset).stats());
  for (const line of text.trimEnd().split('\n')) if (!line.startsWith('#')) expect(line).toMatch(sample);
});
