import { isDeepStrictEqual } from 'node:util';
import { routerRegistrationSchema, type DrainReport, type RouterRegistration } from '#shared/contract/replica.ts';
import { lastToken, releaseTtlMs, streams, subjects } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLast, writeDocuments, type DocumentWrite } from '#shared/runtime/nats/nats-publish.ts';
import { startView, type NatsView, type ViewMessage } from '#shared/runtime/nats/nats-view.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';

interface Row {
  seq: number;
  /** Null: there is a registration that this build cannot read, so that nobody fulfils it. */
  document: RouterRegistration | null;
}

/** The registered routers of a VPC as bucket `infra` has them; every provisioner writes, with compare-and-set. */
export class Registrations implements AsyncDisposable {
  readonly #nats: Nats;
  readonly #log: Logger;
  readonly #vpcId: string;
  readonly #rows = new Map<string, Row>();
  readonly #view: NatsView;
  readonly #onChange: (routerId: string) => void;

  /** `onChange` is called when a router's registration came, changed or went. */
  constructor(
    { nats, clock, log, vpcId }: { nats: Nats; clock: Clock; log: Logger; vpcId: string },
    onChange: (routerId: string) => void,
  ) {
    this.#nats = nats;
    this.#log = log;
    this.#vpcId = vpcId;
    this.#onChange = onChange;
    const filter = [subjects.routersOfVpc(vpcId)];
    const apply = (message: ViewMessage): void => this.#apply(message);
    this.#view = startView({ nats, clock, log, stream: streams.infra.name, subjects: filter, apply });
  }

  whenRead(signal: AbortSignal): Promise<void> {
    return this.#view.whenSynced(signal);
  }

  ids(): string[] {
    return [...this.#rows.keys()];
  }

  /** The registered epoch: infinite for a registration that cannot be read; undefined when there is none. */
  epochOf(routerId: string): number | undefined {
    const row = this.#rows.get(routerId);
    return row === undefined ? undefined : (row.document?.epoch ?? Number.POSITIVE_INFINITY);
  }

  /** Registrations of routers that run in pods. */
  withPods(): (RouterRegistration & { pod: NonNullable<RouterRegistration['pod']> })[] {
    return [...this.#rows.values()].flatMap(({ document }) =>
      document?.pod === undefined ? [] : [{ ...document, pod: document.pod }],
    );
  }

  /** Registers a router that was heard, unless that is known already. */
  async put(report: DrainReport): Promise<void> {
    const document = routerRegistrationSchema.parse(report);
    const row = this.#rows.get(report.routerId);
    if (row?.document === null || isDeepStrictEqual(row?.document, document)) return;
    if ((this.epochOf(report.routerId) ?? 0) <= document.epoch) await this.#write(report.routerId, { body: document });
  }

  /** Takes a registration away; true when it is gone, or when a newer process of the router has been registered. */
  async remove(routerId: string, epoch: number): Promise<boolean> {
    const registered = this.epochOf(routerId);
    if (registered === undefined || registered > epoch) return true;
    return this.#write(routerId, { body: null, deleteMarker: true, ttlMs: releaseTtlMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#view[Symbol.asyncDispose]();
  }

  /** True when it was stored. After a conflict, which is somebody else's write, the view brings what they wrote. */
  async #write(routerId: string, write: Pick<DocumentWrite, 'body' | 'deleteMarker' | 'ttlMs'>): Promise<boolean> {
    const subject = subjects.router(this.#vpcId, routerId);
    // A marker of a deletion expires in silence, so its sequence cannot be remembered.
    const last = await readLast(this.#nats, streams.infra.name, subject);
    const expectedSeq = last?.seq ?? 0;
    if (expectedSeq > 0 && last?.deleted !== true && expectedSeq !== this.#rows.get(routerId)?.seq) return false;
    const outcome = await writeDocuments(this.#nats, [{ subject, expectedSeq, ...write }], '');
    if (outcome.kind !== 'stored' && outcome.kind !== 'conflict')
      this.#log.warn({ routerId, reason: outcome.reason }, 'drain.not_registered');
    return outcome.kind === 'stored';
  }

  #apply({ subject, seq, deleted, text }: ViewMessage): void {
    const routerId = lastToken(subject);
    if (deleted) {
      this.#rows.delete(routerId);
    } else {
      const parsed = routerRegistrationSchema.safeParse(parseJson(text));
      if (!parsed.success) this.#log.error({ routerId }, 'drain.registration_parked');
      this.#rows.set(routerId, { seq, document: parsed.data ?? null });
    }
    this.#onChange(routerId);
  }
}
