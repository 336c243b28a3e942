import type { Env, Hono } from 'hono';
import { compress } from 'hono/compress';
import { etag } from 'hono/etag';
import { apiDocumentSchema } from './api-document.ts';
import { docsPage } from './docs-page.ts';

/** What everybody may read: the OpenAPI document, and the page that shows it. */
export const docsPaths = ['/openapi.json', '/docs'] as const;

/** Serves both; whoever has the present one is told so (304), and is asked to ask each time. */
export function serveDocs<E extends Env>(app: Hono<E>, document: object): void {
  const page = docsPage(apiDocumentSchema.parse(document));
  for (const path of docsPaths)
    app.use(path, etag(), compress(), async (c, next) => {
      await next();
      c.header('cache-control', 'no-cache');
      c.header('x-content-type-options', 'nosniff');
    });
  app.get('/openapi.json', (c) => c.json(document));
  app.get('/docs', async (c) => {
    const { html, contentSecurityPolicy } = await page;
    c.header('content-security-policy', contentSecurityPolicy);
    c.header('referrer-policy', 'no-referrer');
    return c.html(html);
  });
}
