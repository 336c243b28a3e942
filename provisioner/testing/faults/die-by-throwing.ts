import type { SpecDocument } from '#shared/contract/desired.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { ProvisionerLab } from '../provisioner-lab.ts';
import type { CrashPoint } from './crash-point.ts';
import { watchCalls, type CallWatch, type ExternalCall } from './external-calls.ts';
import { isDone } from './operations.ts';
import type { Doomed, WayToDie } from './sweep.ts';

/** Throws at an endpoint's point and at everything after it: all of them die side by side, in one process. */
export class DieByThrowing implements WayToDie, CallWatch {
  readonly #lab: ProvisionerLab;
  readonly #dead = new Set<string>();
  readonly #calls = new Map<string, number>();
  readonly #writes = new Map<string, string[]>();
  #points = new Map<string, CrashPoint>();

  constructor(lab: ProvisionerLab) {
    this.#lab = lab;
  }

  async die(endpoints: readonly Doomed[]): Promise<number> {
    this.#points = new Map(endpoints.flatMap(({ spec, point }) => (point ? [[spec.endpointId, point]] : [])));
    this.#calls.clear();
    this.#writes.clear();
    await using _dying = await this.#lab.start({}, watchCalls(this));
    for (const endpoint of endpoints) endpoint.revision = await this.#lab.publish(endpoint.spec);
    const over = async ({ spec, revision }: Doomed): Promise<void> => {
      if (!this.#dead.has(spec.endpointId)) await isDone(this.#lab, spec, revision);
    };
    const bounds = { timeoutMs: 120_000, everyMs: 200 };
    await Promise.all(endpoints.map((endpoint) => eventually(() => over(endpoint), bounds)));
    return this.#dead.size;
  }

  successor(): ReturnType<typeof watchCalls> {
    this.#points.clear();
    this.#dead.clear();
    return watchCalls(this);
  }

  writesOf({ endpointId }: SpecDocument): string[] {
    return this.#writes.get(endpointId) ?? [];
  }

  before({ endpointId }: ExternalCall): void {
    const call = (this.#calls.get(endpointId) ?? 0) + 1;
    this.#strike(endpointId, { moment: 'before', call });
    this.#calls.set(endpointId, call);
  }

  after({ endpointId, what }: ExternalCall): void {
    const writes = this.#writes.get(endpointId) ?? [];
    if (/^(apply|patch|delete) /.test(what)) this.#writes.set(endpointId, [...writes, what]);
    this.#strike(endpointId, { moment: 'after', call: this.#calls.get(endpointId) ?? 0 });
  }

  #strike(endpointId: string, { moment, call }: CrashPoint): void {
    const point = this.#points.get(endpointId);
    if (point?.moment === moment && call >= point.call) this.#dead.add(endpointId);
    if (this.#dead.has(endpointId)) throw new Error('for this endpoint the process has died');
  }
}
