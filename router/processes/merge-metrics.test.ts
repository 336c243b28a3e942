import { expect, it } from 'vitest';
import { mergeMetrics } from './merge-metrics.ts';

it('tells processes apart by a label, and keeps the lines of each metric together', () => {
  const text = (count: number): string =>
    [
      '# HELP requests Requests.',
      '# TYPE requests counter',
      `requests{route="chat",status="200"} ${count}`,
      '',
      '# HELP up 1 while it lives.',
      '# TYPE up gauge',
      'up 1',
      '',
    ].join('\n');
  const all = [
    { process: '1', text: text(5) },
    { process: '3', text: text(7) },
    { process: '4', text: '' },
  ];
  expect(mergeMetrics(all)).toBe(
    [
      '# HELP requests Requests.',
      '# TYPE requests counter',
      'requests{process="1",route="chat",status="200"} 5',
      'requests{process="3",route="chat",status="200"} 7',
      '',
      '# HELP up 1 while it lives.',
      '# TYPE up gauge',
      'up{process="1"} 1',
      'up{process="3"} 1',
      '',
    ].join('\n'),
  );
});
