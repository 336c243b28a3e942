import { drainReportSchema, type DrainReport } from '#shared/contract/replica.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { decideDrain, routersMax, type DrainQuestion, type DrainVerdict, type KnownRouter } from './decide-drain.ts';
import { DoubledRouters } from './doubled-routers.ts';
import { OpenDrains } from './open-drains.ts';
import { Registrations } from './registrations.ts';
import { replicaLoads, type ReplicaLoad } from './replica-loads.ts';
import { routerPodIsGone, type PodReader } from './router-pod.ts';

/** What a registry needs. */
export interface DrainRegistryOptions {
  nats: Nats;
  kube: PodReader;
  clock: Clock;
  log: Logger;
  vpcId: string;
  /** A router that was silent for this long is unknown, milliseconds. */
  silentMs: number;
  /** Called with an endpoint of which a drain may go now. */
  onFreed: (endpointId: string) => void;
  /** Called when every router has fallen silent, and when one is heard again. */
  onSilence: () => void;
  /** Called once for each replica that goes because its deadline is over. */
  onOverdue: () => void;
}

/** Registrations are brought up to date this often, and whenever there is news, milliseconds. */
const registerEveryMs = 1000;

/** The routers count as silent altogether after this many times `silentMs`. */
const silenceFactor = 3;

interface Heard {
  report: DrainReport;
  at: number;
}

/** The routers of a VPC, registered and heard, and the gate that draining replicas must pass. */
export class DrainRegistry implements AsyncDisposable {
  readonly #options: DrainRegistryOptions;
  readonly #registrations: Registrations;
  readonly #open = new OpenDrains();
  /** Replicas that go by their deadline, by endpoint. */
  readonly #overdue = new Map<string, Set<string>>();
  readonly #doubled: DoubledRouters;
  readonly #heard = new Map<string, Heard>();
  readonly #left = new Map<string, number>();
  readonly #stack = new AsyncDisposableStack();
  readonly #loop: Loop;
  #listeningSince = Number.POSITIVE_INFINITY;
  #silent = false;

  /** Subscribes to the reports of the VPC's routers and follows their registrations. */
  constructor(options: DrainRegistryOptions) {
    this.#options = options;
    const { nats, clock, log, vpcId } = options;
    this.#doubled = new DoubledRouters(options.silentMs);
    this.#registrations = this.#stack.use(
      new Registrations({ nats, clock, log, vpcId }, (id) => this.#onRegistered(id)),
    );
    const subscription = nats.nc.subscribe(subjects.drain(vpcId, '*'), {
      callback: (error, message) => {
        if (error !== null) return log.warn({ reason: String(error) }, 'drain.subscription_failed');
        const report = drainReportSchema.safeParse(parseJson(message.string())).data;
        // A router speaks for itself, as the server lets it: on its own subject.
        const own = report !== undefined && subjects.drain(vpcId, report.routerId) === message.subject;
        if (own && report.vpcId === vpcId) this.#take(report);
        else log.warn({ subject: message.subject }, 'drain.report_parked');
      },
    });
    this.#stack.defer(() => subscription.unsubscribe());
    // What was said meanwhile is lost: it is listened anew.
    this.#stack.defer(nats.onReconnect(() => void (this.#listeningSince = clock.monotonic())));
    const loop = { name: 'router registrations', everyMs: registerEveryMs, clock, log };
    this.#loop = this.#stack.use(startLoop(loop, (signal) => this.#turn(signal)));
  }

  /** Addresses of the routers that are heard now; empty until the first report. */
  listeners(): { public: string[]; private: string[] } {
    const heard = this.#fresh().map(({ listeners }) => listeners);
    return { public: heard.map((each) => each.public), private: heard.map((each) => each.private) };
  }

  /** What these replicas have, as far as every registered router says. */
  loads(replicaIds: readonly string[]): ReadonlyMap<string, ReplicaLoad> {
    const fresh = new Map(this.#fresh().map((report) => [report.routerId, report]));
    return replicaLoads(
      this.#registrations.ids().map((id) => fresh.get(id)),
      replicaIds,
    );
  }

  /** Which of an endpoint's draining replicas may go, by replica id. The endpoint is woken when that changes. */
  gates(endpointId: string, questions: readonly DrainQuestion[]): Map<string, DrainVerdict> {
    const verdicts = questions.map((question) => ({ question, verdict: this.#decide(question) }));
    this.#open.keep(
      endpointId,
      verdicts.flatMap(({ question, verdict }) => (verdict.go ? [] : [question])),
    );
    this.#noticeOverdue(endpointId, verdicts);
    return new Map(verdicts.map(({ question, verdict }) => [question.replicaId, verdict]));
  }

  /** What to say while no router at all is heard; null while one is, and until it was listened for long enough. */
  silence(): string | null {
    if (!this.#silent) return null;
    const ids = this.#registrations.ids();
    const which = ids.length === 0 ? 'none is registered' : `registered: ${ids.slice(0, 8).join(', ')}`;
    return `No router of this VPC is heard (${which}); endpoints go on serving, drains and proofs wait.`;
  }

  /** The same for `/readyz`; a VPC that has no router yet has no problem. */
  problems(): string[] {
    return this.#silent && this.#registrations.ids().length > 0 ? [`routers: ${this.silence()}`] : [];
  }

  /** What else an operator should know of. */
  warnings(): string[] {
    return this.#doubled
      .ids(this.#options.clock.monotonic())
      .map(
        (id) =>
          `router ${id}: two processes speak as it, or its clock was set back; see that FAIRWAY_ROUTER_ID is its own`,
      );
  }

  /** Registered routers, those of them that are silent, and those that two processes speak as. */
  counts(): { registered: number; silent: number; doubled: number } {
    const fresh = new Set(this.#fresh().map(({ routerId }) => routerId));
    const ids = this.#registrations.ids();
    return {
      registered: ids.length,
      silent: ids.filter((id) => !fresh.has(id)).length,
      doubled: this.warnings().length,
    };
  }

  /** Registered routers that are not known to have applied this revision of bucket `edge`. */
  behind(revision: number): string[] {
    const applied = new Map(this.#fresh().map(({ routerId, edgeRevision }) => [routerId, edgeRevision]));
    return this.#registrations.ids().filter((id) => (applied.get(id) ?? -1) < revision);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #take(report: DrainReport): void {
    const { routerId, epoch, leaving } = report;
    const known = Math.max(this.#heard.get(routerId)?.report.epoch ?? 0, this.#registrations.epochOf(routerId) ?? 0);
    if (epoch < known) return leaving || known === Number.POSITIVE_INFINITY ? undefined : this.#noticeDouble(routerId);
    if (known === 0 && this.#heard.size > routersMax) return;
    if (leaving) {
      this.#heard.delete(routerId);
      this.#left.set(routerId, epoch);
    } else {
      const loads = report.loads ?? this.#heard.get(routerId)?.report.loads;
      this.#heard.set(routerId, { report: { ...report, loads }, at: this.#options.clock.monotonic() });
    }
    if (leaving || this.#registrations.epochOf(routerId) !== epoch) this.#loop.wake();
    this.#noticeSilence();
    this.#tellFreed();
  }

  /** A registration came or went. What is not registered any more was taken away on somebody's word: it is forgotten. */
  #onRegistered(routerId: string): void {
    const epoch = this.#registrations.epochOf(routerId);
    if (epoch === undefined) this.#heard.delete(routerId);
    this.#tellFreed();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    await this.#registrations.whenRead(signal);
    if (this.#listeningSince === Number.POSITIVE_INFINITY) this.#listeningSince = clock.monotonic();
    for (const [routerId, epoch] of this.#left)
      if (await this.#registrations.remove(routerId, epoch)) this.#left.delete(routerId);
    const heard = [...this.#heard.values()].map(({ report }) => report);
    await Promise.all(heard.map((report) => this.#registrations.put(report)));
    await this.#forgetPods(signal);
    for (const [routerId, { at }] of this.#heard)
      if (clock.monotonic() - at > this.#silenceMs() && this.#registrations.epochOf(routerId) !== undefined)
        this.#heard.delete(routerId);
    this.#noticeSilence();
    this.#tellFreed();
  }

  /** A silent router whose pod is gone is gone. */
  async #forgetPods(signal: AbortSignal): Promise<void> {
    const { kube, log } = this.#options;
    const fresh = new Set(this.#fresh().map(({ routerId }) => routerId));
    const silent = this.#registrations.withPods().filter(({ routerId }) => !fresh.has(routerId));
    await Promise.all(
      silent.map(async ({ routerId, epoch, pod }) => {
        if (!(await routerPodIsGone(kube, pod, signal))) return;
        log.info({ routerId, pod: pod.name }, 'drain.router_gone');
        await this.#registrations.remove(routerId, epoch);
      }),
    );
  }

  #noticeDouble(routerId: string): void {
    const { clock, log, vpcId } = this.#options;
    if (this.#doubled.heard(routerId, clock.monotonic())) log.error({ vpcId, routerId }, 'drain.router_doubled');
  }

  #noticeOverdue(endpointId: string, verdicts: readonly { question: DrainQuestion; verdict: DrainVerdict }[]): void {
    const { log, onOverdue } = this.#options;
    const before = this.#overdue.get(endpointId);
    const now = new Set<string>();
    for (const { question, verdict } of verdicts) {
      const { replicaId } = question;
      if (verdict.overdue !== true) continue;
      now.add(replicaId);
      if (before?.has(replicaId) === true) continue;
      log.warn({ endpointId, replicaId, reason: verdict.reason }, 'drain.overdue');
      onOverdue();
    }
    if (now.size === 0) this.#overdue.delete(endpointId);
    else this.#overdue.set(endpointId, now);
  }

  #noticeSilence(): void {
    const now = this.#options.clock.monotonic();
    const since = Math.max(this.#listeningSince, ...[...this.#heard.values()].map(({ at }) => at));
    const silent = now - since > this.#silenceMs();
    if (silent === this.#silent) return;
    this.#silent = silent;
    if (silent) this.#options.log.warn({ routers: this.#registrations.ids() }, 'drain.routers_silent');
    this.#options.onSilence();
  }

  #silenceMs(): number {
    return silenceFactor * this.#options.silentMs;
  }

  #fresh(): DrainReport[] {
    const oldest = this.#options.clock.monotonic() - this.#options.silentMs;
    return [...this.#heard.values()].flatMap(({ report, at }) => (at >= oldest ? [report] : []));
  }

  #decide(question: DrainQuestion): DrainVerdict {
    const { clock, silentMs } = this.#options;
    const now = clock.monotonic();
    const known = new Set([...this.#registrations.ids(), ...this.#heard.keys()]);
    const routers = [...known].map((routerId): KnownRouter => {
      const heard = this.#heard.get(routerId);
      const epoch = this.#registrations.epochOf(routerId) ?? 0;
      return { routerId, epoch, heard: heard && { report: heard.report, agoMs: now - heard.at } };
    });
    return decideDrain(question, { routers, listeningForMs: now - this.#listeningSince, silentMs, now: clock.now() });
  }

  #tellFreed(): void {
    const { clock, onFreed } = this.#options;
    this.#open.freed((question) => this.#decide(question), clock.monotonic()).forEach(onFreed);
  }
}
