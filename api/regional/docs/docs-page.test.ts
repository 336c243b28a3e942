import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { apiDocumentSchema, operationsOf } from './api-document.ts';
import { curlOf } from './curl.ts';
import { docsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';

const document = apiDocumentSchema.parse(openApiDocument());
const { html, contentSecurityPolicy } = await docsPage(document);
const valuesOf = (attribute: string): string[] =>
  Array.from(html.matchAll(new RegExp(`\\s${attribute}="([^"]*)"`, 'g')), ([, value = '']) => value);

describe('the page of the API', () => {
  it('loads nothing and runs nothing', () => {
    expect(contentSecurityPolicy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
    expect(html).not.toMatch(/<(script|iframe|img|object|form)|\son\w+=|@import|url\(|\sstyle=/i);
    expect(valuesOf('src')).toEqual([]);
    expect(valuesOf('href').filter((link) => !link.startsWith('#'))).toEqual(['data:,', 'openapi.json']);
  });

  it('may use its own style, and no other', () => {
    const [style = '', ...others] = Array.from(html.matchAll(/<style>(.*?)<\/style>/gs), ([, text = '']) => text);
    expect(others).toEqual([]);
    expect(contentSecurityPolicy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
  });

  it('shows every operation and every schema, and leads nowhere else', () => {
    const anchors = new Set(valuesOf('id'));
    expect(anchors.size).toBe(valuesOf('id').length);
    const links = valuesOf('href').filter((link) => link.startsWith('#'));
    expect(links.filter((link) => !anchors.has(link.slice(1)))).toEqual([]);
    for (const { operationId, summary } of operationsOf(document)) {
      expect(anchors).toContain(operationId);
      expect(html).toContain(`<h2>${summary}</h2>`);
    }
    for (const name of Object.keys(document.components.schemas)) expect(anchors).toContain(`schema-${name}`);
  });

  it('takes texts as texts', async () => {
    const evil = { ...document, info: { title: '<script>', description: 'a `<b>` & "c"' } };
    const page = (await docsPage(evil)).html;
    expect(page).toContain('<title>&lt;script&gt;</title>');
    expect(page).toContain('a <code>&lt;b&gt;</code> &amp; &quot;c&quot;');
  });

  it('has commands that a shell reads as they are', () => {
    const create = operationsOf(document).find(({ operationId }) => operationId === 'dedicatedInferences_create');
    const content = { 'application/json': { schema: { required: [] }, example: { name: "it's" }, examples: {} } };
    const command =
      create && curlOf({ ...create, method: 'PATCH', path: '/v2/x/{id}', requestBody: { required: true, content } });
    expect(command).toContain(String.raw`curl -X PATCH "$FAIRWAY_CONTROL_URL/v2/x/$id" \
  -H "Authorization: Bearer $FAIRWAY_API_TOKEN" \
  -H 'Content-Type: application/json' \
  -d '{
  "name": "it'\''s"
}'`);
  });
});
