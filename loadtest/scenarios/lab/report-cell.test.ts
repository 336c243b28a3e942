import { expect, it } from 'vitest';
import { reportCell } from './report-cell.ts';

const report = `
| body | who | CPU | ratio |
|---|---|---|---|
| small | nginx | 0.218 | 1.00 |
| small | Fairway | 0.989 | 4.45 (4.43–4.53) |

| one after the other | added, ms |
|---|---|
| Fairway | 0.915 |
`;

it('finds the number of a row and a column, in whichever table', () => {
  expect(reportCell(report, ['small', 'Fairway'], 'ratio')).toBe(4.45);
  expect(reportCell(report, ['Fairway'], 'added, ms')).toBe(0.915);
  expect(() => reportCell(report, ['small', 'Envoy'], 'CPU')).toThrow('no row small | Envoy');
  expect(() => reportCell(report, ['Fairway'], 'CPU')).toThrow('no row Fairway with a column CPU');
});
