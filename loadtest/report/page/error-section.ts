import type { Contender } from './seen/contender.ts';
import { numeral, percent } from './numerals.ts';
import type { Section } from './page.ts';

/** How many tries ended with which status or error. */
export function errorSection(contenders: readonly Contender[]): Section {
  const title = 'Errors by code';
  const all = contenders.map(({ label, runs }) => {
    const codes = new Map<string, number>();
    for (const { figures } of runs)
      for (const [code, count] of Object.entries(figures.codes)) codes.set(code, (codes.get(code) ?? 0) + count);
    const failed = [...codes.values()].reduce((sum, count) => sum + count, 0);
    return { label, codes, failed, answered: runs.reduce((sum, { ttftMs }) => sum + ttftMs.values().length, 0) };
  });
  const codes = [...new Set(all.flatMap((one) => [...one.codes.keys()]))].toSorted();
  if (codes.length === 0) return { title, says: ['No try was refused or broke off.'], tables: [] };
  const shares = all.map(({ label, failed, answered }) => `${label}: ${percent(failed / (failed + answered))}`);
  return {
    title,
    says: [
      `Tries that ended without an answer, after the warm-up, all seeds together. Clients try again, so that one request may fail several times and still be answered. Of all tries: ${shares.join('; ')}.`,
    ],
    tables: [
      {
        caption: 'Tries by how they ended',
        head: ['run', 'answered', ...codes.map((code) => (code === '' ? 'no code' : code))],
        rows: all.map((one) => [
          one.label,
          numeral(one.answered),
          ...codes.map((code) => numeral(one.codes.get(code) ?? 0)),
        ]),
      },
    ],
  };
}
