import { describe, expect, it } from 'vitest';
import { Samples } from './samples.ts';

const read = (...lines: string[]): Samples => new Samples(lines.join('\n'));

describe('Samples', () => {
  it('adds up over labels and leaves out what is not there', () => {
    const samples = read(
      '# HELP a running',
      '# TYPE a gauge',
      'a{engine="0",model_name="a b} c",quoted="\\"} 9"} 3.0',
      'a{engine="1"} 2',
      'a_total 99',
      'b:c 4 1700000000',
    );
    expect([samples.sum('a'), samples.sum('b:c'), samples.sum('old'), samples.sum('a_total')]).toEqual([
      5,
      4,
      undefined,
      99,
    ]);
    expect(samples.of('a')[0]?.labels.get('model_name')).toBe('a b} c');
  });

  it.each(['NaN', '+Inf', '-1', '1e300', '', 'x'])('takes %s in one series for unknown, not for 0', (value) => {
    const samples = read('a{engine="0"} 3', `a{engine="1"} ${value}`, `b:c ${value}`);
    expect([samples.sum('a'), samples.share('b:c'), samples.single('b:c')]).toEqual([undefined, undefined, undefined]);
  });

  it('takes a name of old where the new one is missing, and no others when it is broken', () => {
    expect(read('old 3').sum(['a', 'old'])).toBe(3);
    expect(read('a NaN', 'old 3').sum(['a', 'old'])).toBeUndefined();
  });

  it('reads shares as a mean, and what is none as unknown', () => {
    expect(read('a{engine="0"} .25', 'a{engine="1"} .75').share('a')).toBe(0.5);
    expect(read('a 25').share('a')).toBeUndefined();
  });

  it('counts what is repeated once, and the parts that a label tells apart all', () => {
    const series = ['a{dp="0",tp="0"} 3', 'a{dp="0",tp="1"} 3', 'a{dp="1",tp="0"} 5', 'a{dp="1",part="x"} 4'];
    expect(read(...series).sum('a', { of: 'dp', where: { part: '' } })).toBe(8);
  });

  it('reads lines that are cut off, and texts without an end, as far as they go', () => {
    expect(read('a{x="', 'a{x="y', 'a', 'b:c 2').sum('b:c')).toBe(2);
    expect(read('a{x="y').sum('a')).toBeUndefined();
  });
});
