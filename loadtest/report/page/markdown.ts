import type { Page, Section, Table } from './page.ts';

/** The same page as Markdown; its plots are files beside it. `folder`: of the plots, as seen from the Markdown. */
export function markdownOf({ title, lead, sections }: Page, folder: string): string {
  return [`# ${escaped(title)}`, ...lead.map(escaped), ...sections.flatMap((one) => sectionOf(one, folder)), '']
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

function sectionOf({ title, says, plot, tables, commands = [] }: Section, folder: string): string[] {
  return [
    `## ${escaped(title)}`,
    ...says.map(escaped),
    ...(plot === undefined ? [] : [`![${escaped(title)}](${folder}/${plot.name}.svg)`]),
    ...tables.map(tableOf),
    ...(commands.length === 0 ? [] : [commands.map((line) => `    ${line.replaceAll('\n', ' ')}`).join('\n')]),
  ];
}

function tableOf({ caption, head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  const rule = `|---${'|---:'.repeat(head.length - 1)}|`;
  return [`**${escaped(caption)}**`, '', line(head), rule, ...rows.map(line)].join('\n');
}

/** What Markdown or HTML in it would read as its own. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*_[\]|<>&#]/g, (mark) => `\\${mark}`).replaceAll(/\s+/g, ' ');
}
