import { parseHTML } from 'linkedom';
import { expect, it } from 'vitest';
import { buildPage } from './build-page.ts';
import { standingAlone } from './draw.ts';
import { htmlOf } from './html.ts';
import { markdownOf } from './markdown.ts';
import type { Page } from './page.ts';
import { answer, seenRun } from './seen/testing/seen-run.ts';

const nasty = `<img src=x onerror="alert('1')"> & |a|b|`;

async function pageOf(): Promise<Page> {
  const requests = [answer, { ...answer, outcome: 'refused', code: '429' } as const];
  const samples = [{ at: 70_000, inFlight: [3, 4], queued: 1 }];
  return buildPage(
    [
      await seenRun({ about: { name: nasty, command: 'node run.ts' }, requests, samples }),
      await seenRun({ scenario: { policy: 'aibrix' }, requests, samples }),
    ],
    { command: 'node page.ts' },
  );
}

it('names of runs stay text, in HTML, in pictures and in Markdown', async () => {
  const page = await pageOf();
  const { document } = parseHTML(htmlOf(page));
  expect(document.querySelectorAll('img, script, link, iframe, [onerror], [src]')).toHaveLength(0);
  expect(document.querySelector('h1')?.textContent).toBe(`${nasty} beside small`);
  expect([...document.querySelectorAll('svg > text')].map((one) => one.textContent)).toContain(nasty);
  const markdown = markdownOf(page, 'plots');
  expect(markdown.match(/(?<!\\)<|(?<!\\)&/g)).toBeNull();
  const rows = markdown.split('\n').filter((line) => line.startsWith('| figure'));
  for (const row of rows) expect(row.split(/(?<!\\)\|/).length).toBeLessThanOrEqual(5);
});

it('every picture says what it shows, has units on both axes, and stands alone as well', async () => {
  const page = await pageOf();
  const plots = page.sections.flatMap(({ plot }) => plot ?? []);
  expect(new Set(plots.map(({ name }) => name)).size).toBe(plots.length);
  expect(plots.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['ttft', 'itl', 'end-to-end', 'hits', 'goodput', 'queue', 'in-flight-1', 'in-flight-2']),
  );
  for (const { name, svg } of plots) {
    const { document } = parseHTML(`<body>${standingAlone(svg)}</body>`);
    const axes = ['x', 'y'].map((axis) => document.querySelector(`[aria-label="${axis}-axis label"]`)?.textContent);
    expect(axes.join(' · '), name).toMatch(/\((s|ms|minutes).*\).* · .*(answers|tokens|requests|per second)/);
    expect(document.querySelector('svg')?.getAttribute('aria-label'), name).toBeTruthy();
    expect(svg, name).not.toMatch(/NaN|undefined|Infinity/);
  }
  for (const { plot, says, tables } of page.sections)
    if (plot !== undefined) expect([says.length > 0, tables.length > 0]).toEqual([true, true]);
});

it('says what is simulated, how to repeat it, and what broke off', async () => {
  const whole = markdownOf(await pageOf(), 'plots');
  expect(whole).toContain('Simulated: the router’s own code in virtual time');
  expect(whole).toContain('    node run.ts');
  expect(whole).not.toContain('roken off:');
  const cut = buildPage([await seenRun({ brokenOff: true, requests: [answer] })], { command: '' });
  expect(markdownOf(cut, '')).toContain('Broken off: small, seed 1 ended at minute 1.21 of 3.00.');
  const sockets = buildPage([await seenRun({ about: { mode: 'sockets' } })], { command: '' });
  expect(markdownOf(sockets, '')).not.toContain('Simulated');
});

it('a run without a single request is a page, too', async () => {
  const page = buildPage([await seenRun(), await seenRun({ brokenOff: true, about: { commit: 'x' } })], {
    command: '',
  });
  const html = htmlOf(page);
  expect(html).toContain('No answer is there to be timed.');
  expect(html).not.toMatch(/NaN|undefined|Infinity|∞/);
});
