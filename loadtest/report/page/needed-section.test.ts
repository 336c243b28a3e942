import { expect, it } from 'vitest';
import { neededSection } from './needed-section.ts';

it('says who needs how many, and which goal that is for', () => {
  const tried = [
    { replicas: 8, soon: [0.97, 0.99] },
    { replicas: 4, soon: [0.9, 0.94] },
  ];
  const { says, tables, plot } = neededSection({
    v: 1,
    commit: 'abcd',
    command: 'node main.ts',
    startedAt: '',
    load: '100 engineers',
    share: 0.9,
    seeds: [101, 102],
    preset: 'a preset',
    contenders: [
      { label: 'one', needed: 4, tried },
      { label: 'two', needed: 6, tried },
      { label: 'three', tried: tried.slice(0, 1) },
    ],
  });
  expect(says[0]).toContain(
    'one needs 4 replicas, two needs 6 replicas (1.50 times as many), three needs more than 8 replicas so that 90.0 % of first tokens come within 2 s. The load is 100 engineers, on a preset.',
  );
  expect(tables[0]?.rows).toEqual([
    ['one', '4', '4: 92.0 % (90.0 %–94.0 %); 8: 98.0 % (97.0 %–99.0 %)'],
    ['two', '6', '4: 92.0 % (90.0 %–94.0 %); 8: 98.0 % (97.0 %–99.0 %)'],
    ['three', 'more than 8', '8: 98.0 % (97.0 %–99.0 %)'],
  ]);
  expect(plot?.svg).toContain('size of the fleet (replicas)');
});
