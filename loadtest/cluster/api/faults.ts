import { z } from 'zod';
import type { Clock } from '#shared/runtime/clock.ts';
import { ApiError, badRequest } from '../objects/api-error.ts';
import type { KindInfo } from '../objects/kinds.ts';
import type { Lists } from './lists.ts';
import type { JsonObject } from '../objects/object.ts';
import type { Store } from './store.ts';
import type { WatchHub } from './watch-hub.ts';

const count = z.int().min(1).max(100_000).default(1);
const scope = { count, method: z.string().optional(), path: z.string().optional() };
const request = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('drop-watches') }),
  z.strictObject({ do: z.literal('compact') }),
  z.strictObject({ do: z.literal('freeze-lists'), group: z.string().default(''), plural: z.string() }),
  z.strictObject({
    do: z.literal('fail'),
    status: z.union([z.literal(429), z.literal(500), z.literal(503)]),
    ...scope,
  }),
  z.strictObject({ do: z.literal('reset'), ...scope }),
  z.strictObject({ do: z.literal('lose-answer'), ...scope }),
  z.strictObject({ do: z.literal('delay'), delayMs: z.int().min(0).max(600_000), ...scope }),
  z.strictObject({ do: z.literal('clear') }),
]);
type Planned = Extract<z.infer<typeof request>, { count: number }>;

/** What a request meets: nothing, a cut connection before or after it took effect. */
export type Fault = 'none' | 'reset' | 'lose-answer';

export interface FaultParts {
  store: Store;
  lists: Lists;
  watches: WatchHub;
  clock: Clock;
  findKind: (group: string, plural: string) => KindInfo | undefined;
}

/** Failures on demand (`POST /fairway/faults`), so that tests can show that clients live through them. */
export class Faults {
  readonly #parts: FaultParts;
  #planned: Planned[] = [];

  constructor(parts: FaultParts) {
    this.#parts = parts;
  }

  /** @throws ApiError 400 that lists the faults there are. */
  set(body: unknown): JsonObject {
    const result = request.safeParse(body);
    if (!result.success) throw badRequest(`This fault is not known: ${z.prettifyError(result.error)}`);
    const fault = result.data;
    const { store, lists, watches } = this.#parts;
    if (fault.do === 'drop-watches') return { dropped: watches.dropAll() };
    if (fault.do === 'compact') {
      store.compact();
      lists.forgetPages();
      return { compacted: store.compactedRevision };
    }
    if (fault.do === 'freeze-lists') {
      const kind = this.#parts.findKind(fault.group, fault.plural);
      if (kind === undefined) throw badRequest(`There is no kind ${fault.plural} in group "${fault.group}".`);
      lists.freeze(kind);
      return { frozen: store.revision };
    }
    if (fault.do !== 'clear') this.#planned.push(fault);
    else {
      this.#planned = [];
      lists.thaw();
    }
    return { planned: this.#planned.length };
  }

  /** Takes the next planned fault that fits this request. @throws ApiError with the planned status. */
  async next(method: string, path: string): Promise<Fault> {
    const fault = this.#planned.find((one) => (one.method ?? method) === method && path.startsWith(one.path ?? '/'));
    if (fault === undefined) return 'none';
    fault.count -= 1;
    if (fault.count === 0) this.#planned = this.#planned.filter((one) => one !== fault);
    if (fault.do === 'fail')
      throw new ApiError(fault.status, 'PlannedFault', { message: 'A fault that a test planned.' });
    if (fault.do !== 'delay') return fault.do;
    await this.#parts.clock.sleep(fault.delayMs);
    return 'none';
  }
}
