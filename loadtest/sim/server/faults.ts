import { isRecord } from '#shared/runtime/is-record.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import type { KvEventFault } from '../kv-events/kv-event-publisher.ts';

/**
 * What can go wrong on demand.
 *
 * - `slow`: the whole engine takes `factor` times as long, until the faults are replaced
 * - `hang`: the request is accepted and never answered
 * - `status`: the request is refused with `status` (500 unless told)
 * - `die`: the process is killed after `afterTokens` tokens of the request
 * - `engine-death`: after `afterTokens` tokens every stream gets an error frame and `[DONE]`, `/health` turns 503,
 *   and 1.4 s later the process is gone
 * - `error-frame`: the same frame and `[DONE]`, for this request alone
 * - `truncate`: after `afterTokens` tokens the connection is closed in mid-body (`ending: 'cut'`) or reset, which may
 *   take the last frames along (`'reset'`), or the body ends as if it were complete (`'end'`)
 * - `stall`: after `afterTokens` tokens nothing comes any more and the connection stays open
 * - `stall-on-term`: after SIGTERM running streams stall, `/health` stays 200 and new requests get a 500
 * - `kv-lost`, `kv-gap`, `kv-restart`: a batch of KV events is lost before it has a number, is lost on its way (and can be
 *   asked for), or is number 0 again and all before it are forgotten
 */
export type FaultKind = (typeof faultKinds)[number];

const faultKinds = [
  'slow',
  'hang',
  'status',
  'die',
  'engine-death',
  'error-frame',
  'truncate',
  'stall',
  'stall-on-term',
  'kv-lost',
  'kv-gap',
  'kv-restart',
] as const;

const batchFaults = new Map<FaultKind, KvEventFault>([
  ['kv-lost', 'lost'],
  ['kv-gap', 'gap'],
  ['kv-restart', 'restart'],
]);

const endings = ['cut', 'reset', 'end'] as const;

/** One fault that is on. It strikes with `probability` and `count` times at most. */
export interface Fault {
  readonly kind: FaultKind;
  readonly probability: number;
  /** Strikes that are left; null is no limit. */
  readonly count: number | null;
  readonly afterTokens: number;
  readonly factor: number;
  readonly status: number;
  readonly ending: (typeof endings)[number];
}

/** Thrown for a fault that does not exist or has a value out of range; the message says what is allowed. */
export class FaultError extends Error {
  override name = 'FaultError';
}

/** The faults that are on, and the seeded dice that decide which request they strike. */
export class FaultPlan {
  readonly #random: () => number;
  #faults: Fault[] = [];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Replaces all faults. @throws FaultError */
  replace(faults: readonly Fault[]): void {
    this.#faults = [...faults];
  }

  list(): readonly Fault[] {
    return this.#faults;
  }

  /** How much slower the engine is: 1 is as it should be. */
  slowdown(): number {
    return this.#faults.reduce((factor, fault) => (fault.kind === 'slow' ? factor * fault.factor : factor), 1);
  }

  /** Whether SIGTERM makes streams stall. */
  stallsOnTerm(): boolean {
    return this.#faults.some(({ kind }) => kind === 'stall-on-term');
  }

  /** The fault that strikes the request that has just come in: the first whose dice say so. Counts it. */
  strike(): Fault | undefined {
    return this.#strike((kind) => kind !== 'slow' && kind !== 'stall-on-term' && !batchFaults.has(kind));
  }

  /** The same for a batch of KV events. */
  strikeBatch(): KvEventFault | undefined {
    const fault = this.#strike((kind) => batchFaults.has(kind));
    return fault && batchFaults.get(fault.kind);
  }

  #strike(mayStrike: (kind: FaultKind) => boolean): Fault | undefined {
    for (const [index, fault] of this.#faults.entries()) {
      if (!mayStrike(fault.kind) || fault.count === 0) continue;
      if (fault.probability < 1 && this.#random() >= fault.probability) continue;
      if (fault.count !== null) this.#faults[index] = { ...fault, count: fault.count - 1 };
      return fault;
    }
    return undefined;
  }
}

/** Reads `{"faults":[{"kind":"die","afterTokens":3,"count":1}]}` or the list alone. @throws FaultError */
export function readFaults(input: unknown): Fault[] {
  const list: unknown = isRecord(input) ? input['faults'] : input;
  if (!Array.isArray(list)) throw new FaultError('Expected {"faults": [...]}, a list of faults; [] switches all off.');
  return list.map(readFault);
}

function readFault(input: unknown): Fault {
  if (!isRecord(input)) throw new FaultError('Each fault is an object with a "kind".');
  const kind = faultKinds.find((name) => name === input['kind']);
  if (kind === undefined)
    throw new FaultError(`There is no fault "${String(input['kind'])}". Kinds: ${faultKinds.join(', ')}.`);
  const range = (name: string, limits: { from: number; to: number; otherwise: number }): number => {
    const value = input[name] ?? limits.otherwise;
    if (typeof value === 'number' && value >= limits.from && value <= limits.to) return value;
    throw new FaultError(`"${name}" of fault "${kind}" must be a number from ${limits.from} to ${limits.to}.`);
  };
  return {
    kind,
    probability: range('probability', { from: 0, to: 1, otherwise: 1 }),
    count:
      input['count'] === undefined || input['count'] === null
        ? null
        : range('count', { from: 0, to: 1e9, otherwise: 0 }),
    afterTokens: range('afterTokens', { from: 0, to: 1e6, otherwise: 3 }),
    factor: range('factor', { from: 0.001, to: 1e6, otherwise: 4 }),
    status: range('status', { from: 400, to: 599, otherwise: 500 }),
    ending: endings.find((name) => name === input['ending']) ?? 'cut',
  };
}
