import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { drainReportSchema, type DrainReport } from '#shared/contract/replica.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { decideDrain, type DrainQuestion, type DrainVerdict, type HeardRouter } from './decide-drain.ts';

/** What a registry needs. `forgetMs`: a router that was silent for this long is gone. */
export interface DrainRegistryOptions {
  nats: Nats;
  clock: Clock;
  log: Logger;
  vpcId: string;
  forgetMs: number;
}

/** The routers of a VPC as their reports show them, and the gate that a draining replica must pass. */
export interface DrainRegistry extends AsyncDisposable {
  /** Addresses of the routers that are heard now; empty until the first report. */
  listeners(): { public: string[]; private: string[] };
  /** May this replica go? "No" carries the reason; unknown is not 0. */
  gate(question: DrainQuestion): DrainVerdict;
  /** Called after each report; replaces the callback before. */
  onReport(callback: (report: DrainReport) => void): void;
}

/** Subscribes to the reports of a VPC's routers. What has not been heard since this start counts as unknown. */
export function startDrainRegistry(options: DrainRegistryOptions): DrainRegistry {
  const { nats, clock, log, vpcId, forgetMs } = options;
  const routers = new Map<string, HeardRouter>();
  const listeningSince = clock.monotonic();
  let tell: (report: DrainReport) => void = () => {};

  const take = (report: DrainReport): void => {
    const known = routers.get(report.routerId);
    if (known !== undefined && known.report.epoch > report.epoch) return;
    if (report.leaving) routers.delete(report.routerId);
    else routers.set(report.routerId, { report, heardAt: clock.monotonic() });
    tell(report);
  };
  const subscription = nats.nc.subscribe(subjects.drain(vpcId, '*'), {
    callback: (error, message) => {
      if (error !== null) return log.warn({ reason: String(error) }, 'drain.subscription_failed');
      const parsed = drainReportSchema.safeParse(parseJson(message.string()));
      if (parsed.success) take(parsed.data);
      else log.warn({ subject: message.subject }, 'drain.report_parked');
    },
  });
  const forget = (): void => {
    const oldest = clock.monotonic() - forgetMs;
    for (const [routerId, { heardAt }] of routers) if (heardAt < oldest) routers.delete(routerId);
  };
  return {
    listeners() {
      forget();
      const heard = [...routers.values()].map(({ report }) => report.listeners);
      return { public: heard.map((each) => each.public), private: heard.map((each) => each.private) };
    },
    gate(question) {
      forget();
      const state = {
        routers: [...routers.values()],
        listeningForMs: clock.monotonic() - listeningSince,
        forgetMs,
        now: clock.now(),
      };
      return decideDrain(question, state);
    },
    onReport: (callback) => {
      tell = callback;
    },
    [Symbol.asyncDispose]() {
      subscription.unsubscribe();
      return Promise.resolve();
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
