import { html } from 'hono/html';
import { nameOf, type ShownSchema } from './api-document.ts';

/** A piece of the page. */
export type Html = ReturnType<typeof html>;

/** A text in which what stands between backticks is code. */
export function prose(text: string): Html[] {
  return text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

/** One member of an object or one of its parts: `spec.vpc.uuid`, `disks[].type`. */
interface MemberRow {
  name: string;
  schema: ShownSchema;
  required: boolean;
}

/** All members of an object, those of objects inside it that have no name of their own included. */
function memberRows({ properties = {}, required }: ShownSchema, prefix = ''): MemberRow[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const inner = schema.items ?? schema;
    const under = schema.items === undefined ? `${path}.` : `${path}[].`;
    return [{ name: path, schema, required: required.includes(name) }, ...memberRows(inner, under)];
  });
}

/** What an object is made of. */
export function memberTable(schema: ShownSchema): Html {
  const rows = memberRows(schema).map(
    ({ name, schema: member, required }) =>
      html`<tr>
        <th scope="row"><code>${name}</code>${required ? html` <small>required</small>` : ''}</th>
        <td>${typeOf(member)}</td>
        <td>${prose(member.description ?? '')} ${limitsOf(member)}</td>
      </tr>`,
  );
  if (rows.length === 0) return html`<p>${typeOf(schema)}</p>`;
  return table(['member', 'type', 'what it is'], rows);
}

/** A table that scrolls by itself where the window is narrow, also by the keyboard. */
export function table(heads: readonly string[], rows: readonly Html[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${heads.join(', ')}">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** A schema's type in a word or two; one with a name is a link to it. */
export function typeOf({ $ref, items, anyOf, type, format }: ShownSchema): Html {
  if ($ref !== undefined) return html`<a href="#schema-${nameOf($ref)}">${nameOf($ref)}</a>`;
  if (items !== undefined) return html`array of ${typeOf(items)}`;
  if (anyOf !== undefined) return html`${anyOf.map((one, index) => html`${index > 0 ? ' or ' : ''}${typeOf(one)}`)}`;
  return html`${[type ?? 'anything'].flat().join(' or ')}${format === undefined ? '' : ` (${format})`}`;
}

/** What a value may be, beside its type. */
export function limitsOf(schema: ShownSchema): Html[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern } = schema;
  const code = (value: unknown): Html =>
    html`<code>${typeof value === 'string' ? value : JSON.stringify(value)}</code>`;
  return [
    ...(schema.enum ? [html`One of ${schema.enum.map((value, index) => [index > 0 ? ', ' : '', code(value)])}.`] : []),
    ...range(minimum, maximum, ''),
    ...range(minLength, maxLength, ' characters'),
    ...range(minItems, maxItems, ' items'),
    ...(pattern === undefined ? [] : [html`Form ${code(pattern)}.`]),
    ...(schema.default === undefined ? [] : [html`Default ${code(schema.default)}.`]),
  ].map((part) => html`<span class="limit">${part}</span> `);
}

function range(least: number | undefined, most: number | undefined, what: string): Html[] {
  const highest = most === Number.MAX_SAFE_INTEGER ? undefined : most;
  if (least === undefined && highest === undefined) return [];
  if (highest === undefined) return [html`At least ${least}${what}.`];
  return least === undefined ? [html`At most ${highest}${what}.`] : [html`${least} to ${highest}${what}.`];
}
