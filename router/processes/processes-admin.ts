import type { RequestListener } from 'node:http';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { serveListener, type RunningServer } from '#shared/runtime/http/http-server.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { mergeMetrics } from './merge-metrics.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Where it listens, and whom it speaks for. */
export interface ProcessesAdminOptions {
  readonly host: string;
  readonly port: number;
  /** Of the process that starts the others. */
  readonly registry: Registry;
  readonly processes: () => readonly WorkerProcess[];
  readonly stopping: () => boolean;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** A process that stands still does not hold up what the others say. */
const askMs = 2000;
const readySchema = z.object({ missing: z.array(z.string()).default([]), warnings: z.array(z.string()).default([]) });

/** The operator's listener of several processes: ready when all are, with the metrics of each, and what any of them knows. */
export function serveProcessesAdmin(options: ProcessesAdminOptions): Promise<RunningServer> {
  const { host, port } = options;
  const listener: RequestListener = (request, response) => {
    answer(options, request.url ?? '/')
      .catch((error: unknown) => json(500, { message: String(error) }))
      .then(({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text))
      .catch(() => response.destroy());
  };
  return serveListener(listener, { host, port, drainTimeoutMs: 1000 });
}

async function answer(options: ProcessesAdminOptions, target: string): Promise<Page> {
  const [path = ''] = target.split('?');
  if (path === '/healthz') return json(200, { ok: true });
  const all = await Promise.all(
    options.processes().map(async (process) => ({ process: String(process.number), page: await ask(process, path) })),
  );
  if (path === '/readyz') return readiness(all, options.stopping());
  if (path !== '/metrics') {
    const pages = all.flatMap(({ page }) => page ?? []);
    return pages.find(({ status }) => status !== 404) ?? pages[0] ?? json(503, { message: 'No process answers.' });
  }
  const { registry } = options;
  const texts = all.map(({ process, page }) => ({ process, text: page?.text ?? '' }));
  const text = mergeMetrics([{ process: 'primary', text: await registry.metrics() }, ...texts]);
  return { status: 200, type: registry.contentType, text };
}

function readiness(all: readonly { process: string; page: Page | undefined }[], stopping: boolean): Page {
  const told = all.map(({ process, page }) => {
    const { missing, warnings } = readySchema.safeParse(parseJson(page?.text ?? '')).data ?? {
      missing: [],
      warnings: [],
    };
    const lacks = page === undefined ? ['it does not answer'] : missing;
    return { missing: lacks.map((text) => `process ${process}: ${text}`), warnings };
  });
  const missing = [...told.flatMap((one) => one.missing), ...(stopping ? ['the router is stopping'] : [])];
  const warnings = [...new Set(told.flatMap((one) => one.warnings))];
  return json(missing.length === 0 ? 200 : 503, { ready: missing.length === 0, missing, warnings });
}

async function ask({ places }: WorkerProcess, path: string): Promise<Page | undefined> {
  try {
    const response = await fetch(`${places?.adminUrl}${path}`, { signal: AbortSignal.timeout(askMs) });
    return {
      status: response.status,
      type: response.headers.get('content-type') ?? 'application/json',
      text: await response.text(),
    };
  } catch {
    return undefined;
  }
}

function json(status: number, body: object): Page {
  return { status, type: 'application/json', text: `${JSON.stringify(body)}\n` };
}
