import { html, raw } from 'hono/html';
import { themeStyle } from './draw.ts';
import type { Page, Section, Table } from './page.ts';

type Html = ReturnType<typeof html>;

const style = `${themeStyle}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;font:16px/1.5 system-ui,sans-serif;background:var(--paper);color:var(--ink)}
h1{font-size:1.7rem;line-height:1.25}h2{font-size:1.2rem;margin:2.5rem 0 .5rem}
section{break-inside:avoid-page}p{max-width:46rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;margin:.75rem 0}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{padding:.25rem .75rem .25rem 0;text-align:right;vertical-align:top;border-bottom:1px solid var(--shade)}
th:first-child,td:first-child,th[scope=row]{text-align:left}th{font-weight:600}th[scope=row]{font-weight:400}
figure{margin:1rem 0}svg{max-width:100%;height:auto}
pre{background:var(--shade);padding:.75rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8125rem}
@media print{body{max-width:none;font-size:10pt;padding:0}.scroll{overflow:visible}h2{break-after:avoid}table,figure{break-inside:avoid}}`;

/** A page that needs nothing but itself: no script, no network. */
export function htmlOf({ title, lead, sections }: Page): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${raw(style)}
        </style>
      </head>
      <body>
        <h1>${title}</h1>
        ${lead.map((line) => html`<p>${line}</p> `)}${sections.map(sectionOf)}
      </body>
    </html> `;
  return String(page);
}

function sectionOf({ title, says, plot, tables, commands = [] }: Section): Html {
  return html`<section>
    <h2>${title}</h2>
    ${says.map((line) => html`<p>${line}</p> `)}${plot === undefined ? '' : html`<figure>${raw(plot.svg)}</figure> `}${tables.map(tableOf)}${commands.length === 0 ? '' : html`<pre>${commands.join('\n')}</pre> `}
  </section> `;
}

function tableOf({ caption, head, rows }: Table): Html {
  return html`<div class="scroll">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head.map((cell) => html`<th scope="col">${cell}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, ...cells]) =>
            html`<tr>
              <th scope="row">${name}</th>
              ${cells.map((cell) => html`<td>${cell}</td>`)}
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}
