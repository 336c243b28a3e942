import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** One line of a plot. */
export interface Line {
  /** Of which contender: its colour and its dashes. */
  readonly series: number;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** One of many that belong together. */
  readonly thin?: boolean;
}

/** Everything about a plot but its lines. */
export interface Frame {
  readonly x: Plot.ScaleOptions;
  readonly y: Plot.ScaleOptions;
  /** A name for each series, in their order. */
  readonly legend: readonly string[];
  /** Of the legend's first name. */
  readonly firstSeries?: number;
  /** What a plot shows, for those who do not see it. */
  readonly label: string;
  /** Goals: values of x, and of y, that a line is drawn at. */
  readonly verticals?: readonly number[];
  readonly horizontals?: readonly number[];
  /** A range of x that does not count. */
  readonly shaded?: readonly [from: number, until: number];
}

/** So many contenders can be told apart: by Okabe and Ito's colours, which colour-blind people can tell, and by dashes. */
export const seriesStyles = [
  { light: '#0072b2', dark: '#56b4e9', dashes: '' },
  { light: '#c04a00', dark: '#ff9a4d', dashes: '7 3' },
  { light: '#007a5a', dark: '#2fc79a', dashes: '2 3' },
  { light: '#a5477f', dark: '#e59cc6', dashes: '9 3 2 3' },
  { light: '#7a6a00', dark: '#f0e442', dashes: '12 4' },
  { light: '#333333', dark: '#dddddd', dashes: '1 2' },
] as const;

const size = { width: 720, plotHeight: 260, legendLine: 18 } as const;

/** Colours of a page and of an SVG that stands alone. */
export const themeStyle = [
  `:root{color-scheme:light dark;--paper:#fff;--ink:#1c1e21;--shade:#eceff2;${colours('light')}}`,
  `@media (prefers-color-scheme:dark){:root{--paper:#16181c;--ink:#e3e6ea;--shade:#262a31;${colours('dark')}}}`,
  `@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--shade:#eceff2;${colours('light')}}}`,
].join('');

function colours(theme: 'light' | 'dark'): string {
  return seriesStyles.map((style, at) => `--series-${at}:${style[theme]};`).join('');
}

/** Lines as an SVG document that also stands alone; colours are those of the page around it. */
export function drawLines(
  lines: readonly Line[],
  { x, y, legend, firstSeries = 0, label, verticals = [], horizontals = [], shaded }: Frame,
): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  // The y axis' label has the first line.
  const marginTop = 30 + size.legendLine * legend.length;
  const svg = Plot.plot({
    document,
    width: size.width,
    height: size.plotHeight + marginTop,
    marginTop,
    marginLeft: 56,
    marginBottom: 40,
    style: { fontSize: '12px', background: 'none' },
    x,
    y: { grid: true, ...y },
    marks: [
      ...(shaded === undefined ? [] : [Plot.rectX([shaded], { x1: '0', x2: '1', fill: 'var(--shade)' })]),
      Plot.ruleX(verticals, { strokeOpacity: 0.5 }),
      Plot.ruleY(horizontals, { strokeOpacity: 0.5 }),
      Plot.ruleY([0], { strokeOpacity: 0.4 }),
      ...lines.map(({ series, points, thin = false }) =>
        Plot.line(points, {
          stroke: `var(--series-${series % seriesStyles.length})`,
          strokeWidth: thin ? 0.8 : 2,
          strokeOpacity: thin ? 0.55 : 1,
          ...(!thin && { strokeDasharray: dashesOf(series) }),
        }),
      ),
    ],
  });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  for (const [row, name] of legend.entries())
    svg.append(...legendLine(document, { row, series: firstSeries + row, name }));
  return svg.outerHTML;
}

type Drawing = ReturnType<typeof parseHTML>['document'];

function dashesOf(series: number): string {
  return seriesStyles[series % seriesStyles.length]?.dashes ?? '';
}

function legendLine(document: Drawing, { row, series, name }: { row: number; series: number; name: string }) {
  const at = 26 + size.legendLine * row;
  const made = (tag: string, attributes: Record<string, string>) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const stroke = `var(--series-${series % seriesStyles.length})`;
  const dashes = { 'stroke-width': '2.5', 'stroke-dasharray': dashesOf(series) };
  const swatch = made('line', { x1: '4', x2: '44', y1: `${at}`, y2: `${at}`, stroke, ...dashes });
  const text = made('text', { x: '52', y: `${at + 4}`, 'text-anchor': 'start' });
  text.textContent = name;
  return [swatch, text];
}

/** The same document with its own colours and paper. */
export function standingAlone(svg: string): string {
  const begin = svg.indexOf('>') + 1;
  const paper = '<rect width="100%" height="100%" fill="var(--paper)"/>';
  const style = `<style>${themeStyle}:root{color:var(--ink)}</style>`;
  return `${svg.slice(0, begin)}${style}${paper}${svg.slice(begin)}\n`;
}
