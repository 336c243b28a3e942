import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';
import { nameOf, operationsOf, type ApiDocument, type ShownOperation } from './api-document.ts';
import { curlOf } from './curl.ts';
import { pageStyle } from './page-style.ts';
import { limitsOf, memberTable, prose, table, typeOf, type Html } from './schema-rows.ts';

/** The page and the policy under which it is shown: nothing is loaded from anywhere, and no script runs. */
export interface DocsPage {
  html: string;
  contentSecurityPolicy: string;
}

/** The page that shows the OpenAPI document to people. */
export async function docsPage(document: ApiDocument): Promise<DocsPage> {
  const { info } = document;
  const operations = operationsOf(document);
  const page = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title}</title>
        <link rel="icon" href="data:," />
        ${raw(`<style>${pageStyle}</style>`)}
      </head>
      <body id="top">
        <a class="skip" href="#main">Skip to the operations</a>
        <nav aria-label="Contents">
          <p><a href="#top">${info.title}</a></p>
          <ul>
            ${operations.map((one) => html`<li><a href="#${one.operationId}">${one.summary}</a></li>`)}
          </ul>
          <p><a href="#schemas">Schemas</a> · <a href="#errors">Errors</a> · <a href="openapi.json">openapi.json</a></p>
        </nav>
        <main id="main">
          ${introduction(document)}${operations.map((one) => operationSection(one, document))}
          ${schemaSection(document)}${errorSection(document)}
        </main>
      </body>
    </html> `;
  const hash = createHash('sha256').update(pageStyle).digest('base64');
  return {
    html: page.toString(),
    contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

function introduction({ info, components }: ApiDocument): Html {
  return html`<h1>${info.title}</h1>
    <p>${prose(info.description)}</p>
    <p>${prose(components.securitySchemes.bearer.description)} Send it as <code>Authorization: Bearer …</code>.</p>
    <p>
      The commands below are to be pasted; <code>npm run dev</code> prints their variables,
      <code>FAIRWAY_CONTROL_URL</code> and <code>FAIRWAY_API_TOKEN</code>.
    </p>`;
}

function operationSection(operation: ShownOperation, document: ApiDocument): Html {
  const { operationId, method, path, summary, description, security, requestBody, responses } = operation;
  const body = requestBody?.content['application/json'];
  const results = Object.entries(responses);
  return html`<section id="${operationId}">
    <h2>${summary}</h2>
    <p class="route"><code>${method} ${path}</code></p>
    <p>${prose(description)}</p>
    <p>Scope: ${security[0].bearer.map((scope, index) => html`${index > 0 ? ' and ' : ''}<code>${scope}</code>`)}</p>
    ${parameterTable(operation)}
    ${
      body === undefined
        ? ''
        : html`<h3>Body</h3>
            <p>${requestBody?.required ? '' : 'It may be left out. '}${typeOf(body.schema)}</p>`
    }
    <h3>Example</h3>
    <pre tabindex="0"><code>${curlOf(operation)}</code></pre>
    <h3>Answers</h3>
    ${results.filter(([status]) => status.startsWith('2')).map(([status, one]) => success(status, one, document))}
    ${table(['status', 'why'], results.filter(([status]) => !status.startsWith('2')).map(failureRow))}
  </section>`;
}

function parameterTable({ parameters }: ShownOperation): Html | string {
  if (parameters.length === 0) return '';
  const rows = parameters.map(
    ({ name, in: place, required, description, schema }) =>
      html`<tr>
        <th scope="row"><code>${name}</code>${required ? html` <small>required</small>` : ''}</th>
        <td>${place}</td>
        <td>${typeOf(schema)}</td>
        <td>${prose(description)} ${limitsOf(schema)}</td>
      </tr>`,
  );
  return html`<h3>Parameters</h3>
    ${table(['name', 'where', 'type', 'what it is'], rows)}`;
}

type ShownResponse = ShownOperation['responses'][string];

function success(status: string, { description, headers, content }: ShownResponse, document: ApiDocument): Html {
  const shown = Object.entries(content).map(
    ([type, { schema, example }]) =>
      html`<p><code>${type}</code></p>
        ${schema.properties || schema.$ref ? memberTable(schema) : ''}
        <details>
          <summary>An answer</summary>
          <pre
            tabindex="0"
          ><code>${typeof example === 'string' ? example : JSON.stringify(example, null, 2)}</code></pre>
        </details>`,
  );
  const rows = Object.values(headers).map(({ $ref }) => {
    const name = nameOf($ref);
    const header = document.components.headers[name];
    return html`<tr>
      <th scope="row"><code>${name}</code></th>
      <td><code>${header?.example}</code></td>
      <td>${prose(header?.description ?? '')}</td>
    </tr>`;
  });
  return html`<p><strong>${status}</strong> ${prose(description)}</p>
    ${shown}
    <details>
      <summary>Headers</summary>
      ${table(['header', 'example', 'what it is'], rows)}
    </details>`;
}

function failureRow([status, { description }]: [string, ShownResponse]): Html {
  return html`<tr>
    <th scope="row">${status}</th>
    <td>${prose(description)}</td>
  </tr>`;
}

function schemaSection({ components }: ApiDocument): Html {
  const sections = Object.entries(components.schemas).map(
    ([name, schema]) =>
      html`<section id="schema-${name}">
        <h3>${name}</h3>
        <p>${prose(schema.description)}</p>
        ${memberTable(schema)}
      </section>`,
  );
  return html`<section id="schemas">
    <h2>Schemas</h2>
    ${sections}
  </section>`;
}

/** Every code that the document has an example of; those with a point in their names show it in the other form. */
function errorSection({ components: { examples } }: ApiDocument): Html {
  const rows = Object.entries(examples)
    .filter(([name]) => !name.includes('.'))
    .map(
      ([code, { summary }]) =>
        html`<tr>
          <th scope="row"><code>${code}</code></th>
          <td>${summary}</td>
        </tr>`,
    );
  return html`<section id="errors">
    <h2>Errors</h2>
    <p>
      The code is the member <code>id</code> of every error; whoever sends
      <code>Accept: application/problem+json</code> gets the members of RFC 9457, too.
    </p>
    ${table(['code', 'what it says'], rows)}
  </section>`;
}
