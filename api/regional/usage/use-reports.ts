import { Counter, type Registry } from 'prom-client';
import { subjects } from '#shared/contract/subjects.ts';
import { useReportSchema } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { serveSubject } from '#shared/runtime/nats/serve-subject.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import type { LastUse } from './last-use.ts';

/** Reports at work at most; a router tells again what was not taken. */
const runningMax = 8;

/** Takes what routers report of tokens that were used: one process a report, answered once it is stored. */
export function startUseReports(
  lastUse: LastUse,
  parts: { nats: Nats; clock: Clock; log: Logger; registry: Registry },
): AsyncDisposable {
  const { log, registry } = parts;
  const reports = new Counter({
    name: 'fairway_api_token_use_reports_total',
    help: 'Reports of routers about tokens that were used: stored, unreadable, failed, refused for want of room.',
    labelNames: ['result'],
    registers: [registry],
  });
  const running = new Set<Promise<void>>();
  const store = async (vpcId: string, text: string): Promise<'stored' | 'unreadable' | 'failed'> => {
    const report = useReportSchema.safeParse(parseJson(text));
    if (!report.success) return 'unreadable';
    try {
      await lastUse.take(vpcId, report.data);
      return 'stored';
    } catch (error) {
      log.warn({ err: error, vpcId }, 'use_report.failed');
      return 'failed';
    }
  };
  const place = { ...parts, subject: subjects.everyUse, queue: 'fairway-api-regional' };
  const served = serveSubject(place, (message) => {
    if (running.size >= runningMax) return reports.inc({ result: 'refused' });
    const [, , vpcId = ''] = message.subject.split('.');
    const work = store(vpcId, message.string())
      .then((result) => {
        reports.inc({ result });
        if (result === 'stored') message.respond();
      })
      .finally(() => running.delete(work));
    running.add(work);
  });
  return {
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await Promise.all(running);
    },
  };
}
