import { eventually } from '#shared/testing/eventually.ts';
import type { ProvisionerLab } from '../provisioner-lab.ts';
import { isDone } from './operations.ts';
import type { Doomed, WayToDie } from './sweep.ts';
import { startVictim } from './victim/start-victim.ts';

/**
 * Real processes and SIGKILL, one after the other: each picks up what its predecessors left, until it comes to its own
 * point.
 */
export class DieByKill implements WayToDie {
  readonly #lab: ProvisionerLab;

  constructor(lab: ProvisionerLab) {
    this.#lab = lab;
  }

  async die(endpoints: readonly Doomed[]): Promise<number> {
    let died = 0;
    for (const endpoint of endpoints) {
      if (endpoint.point === undefined) endpoint.revision = await this.#lab.publish(endpoint.spec);
      else if (await this.#dieAt(endpoint, endpoint.point)) died += 1;
    }
    return died;
  }

  successor(): object {
    return {};
  }

  /** False when the change was done before its point was reached. */
  async #dieAt(endpoint: Doomed, point: NonNullable<Doomed['point']>): Promise<boolean> {
    const { endpointId } = endpoint.spec;
    await using victim = await startVictim(this.#lab, { endpointId, ...point, signal: 'SIGKILL' });
    endpoint.revision = await this.#lab.publish(endpoint.spec);
    let killed = false;
    const over = victim.ended.then((signal) => (killed = signal === 'SIGKILL'));
    const look = (): Promise<void> | undefined =>
      killed ? undefined : isDone(this.#lab, endpoint.spec, endpoint.revision);
    await Promise.race([over, eventually(look, { timeoutMs: 60_000, everyMs: 100 })]);
    return killed;
  }
}
