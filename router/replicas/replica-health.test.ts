import { describe, expect, it } from 'vitest';
import { readGauges } from '../scrape/read-gauges.ts';
import { ReplicaHealth } from './replica-health.ts';

describe('ReplicaHealth', () => {
  it('takes a replica out at once when its connection is refused, until a good scrape', () => {
    const health = new ReplicaHealth();
    expect(health.isDown('a', 0)).toBe(false);
    health.failed('a', 'connect', 0);
    expect(health.isDown('a', 99_999)).toBe(true);
    health.scraped('a', 'healthy');
    expect(health.isDown('a', 0)).toBe(false);
  });

  it('takes it out after failures in a row, longer each time, whatever the scrape says', () => {
    const health = new ReplicaHealth({ failuresMax: 3, pauseMs: 1000, pauseMaxMs: 3000 });
    for (const now of [0, 1]) health.failed('a', 'reset', now);
    expect(health.isDown('a', 1)).toBe(false);
    health.failed('a', 'reset', 2);
    health.scraped('a', 'healthy');
    expect([health.isDown('a', 1001), health.isDown('a', 1002)]).toEqual([true, false]);
    health.failed('a', 'reset', 2000);
    expect([health.isDown('a', 3999), health.isDown('a', 4000)]).toEqual([true, false]);
    health.succeeded('a');
    health.failed('a', 'reset', 5000);
    expect(health.isDown('a', 5000)).toBe(false);
  });

  it('keeps a foreign engine out for the longest pause, however healthy it is, or until it moves', () => {
    const health = new ReplicaHealth();
    health.failed('a', 'unauthorized', 0);
    health.scraped('a', 'healthy');
    expect([health.isDown('a', 29_999), health.isDown('a', 30_000)]).toEqual([true, false]);
    health.forget('a');
    expect(health.isDown('a', 0)).toBe(false);
  });

  it('believes an unhealthy scrape, and learns nothing from an unknown one', () => {
    const health = new ReplicaHealth();
    health.scraped('a', 'unhealthy');
    health.scraped('b', 'unknown');
    expect([health.isDown('a', 0), health.isDown('b', 0)]).toEqual([true, false]);
    health.failed('b', 'connect', 0);
    health.scraped('b', 'unknown');
    expect(health.isDown('b', 0)).toBe(true);
  });
});

describe('readGauges', () => {
  it('adds up over labels and leaves out what is not there', () => {
    const text = [
      '# HELP vllm:num_requests_running running',
      '# TYPE vllm:num_requests_running gauge',
      'vllm:num_requests_running{engine="0",model_name="a b} c"} 3.0',
      'vllm:num_requests_running{engine="1"} 2',
      'vllm:num_requests_running_total 99',
      'llamacpp:requests_deferred 4 1700000000',
      'vllm:kv_cache_usage_perc{engine="0"} NaN',
    ].join('\n');
    const found = readGauges(text, [
      'vllm:num_requests_running',
      'llamacpp:requests_deferred',
      'vllm:kv_cache_usage_perc',
    ]);
    expect([...found]).toEqual([
      ['vllm:num_requests_running', 5],
      ['llamacpp:requests_deferred', 4],
    ]);
  });
});
