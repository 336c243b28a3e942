import { BrainLab, type LabRouter } from './brain-lab.ts';
import type { MemoryLedgerFaults } from './memory-ledger-channel.ts';
import type { LedgerRow } from '../replicas/replica-table.ts';
import type { Slot } from '../pick/picker.ts';

/** What may happen to routers of one cluster; `router` is a number of one of them. */
export type ChaosStep =
  /** A request is booked, or the oldest one is over. */
  | { readonly do: 'begin' | 'end'; readonly router: number }
  | { readonly do: 'serve'; readonly router: number; readonly work: number }
  /** It is killed; killed and started anew; its process stands still or goes on; it is cut off the channel or joined. */
  | { readonly do: 'kill' | 'restart' | 'pause' | 'resume' | 'cut' | 'join'; readonly router: number }
  /** Redis is gone or back, for all; or has become two, of which one has this router alone. */
  | { readonly do: 'lose' | 'heal' }
  | { readonly do: 'split'; readonly router: number }
  | { readonly do: 'misbehave'; readonly faults: MemoryLedgerFaults }
  | { readonly do: 'wait'; readonly ms: number };

interface Place {
  readonly name: string;
  router: LabRouter | undefined;
  readonly open: Slot[];
  /** Since when it has heard everybody, as far as anybody can. */
  clearSince: number;
  /** Peers that it knew when it was last cut off, and until when it must. */
  known: { readonly names: ReadonlySet<string>; readonly until: number };
  /** Of each other router the newest row that it showed. */
  newest: Map<string, Pick<LedgerRow, 'epoch' | 'seq'>>;
}

interface Served {
  readonly by: LabRouter;
  readonly work: number;
  readonly at: number;
}

/** A router is gone 3 s after it was heard last; that is seen at a tick, and messages may be this late. */
const goneMs = 3000 + 2 * 250 + 500;
/** So long after it was cut off a router waits at least for those whom it knew. */
const graceMs = 2500;
const knowsNobody = { names: new Set<string>(), until: Number.NEGATIVE_INFINITY };
const flow = 'a flow';

/** Routers' brains under chaos, and what must hold at every moment and in the end. A breach is thrown. */
export class LedgerChaos {
  readonly #lab = new BrainLab();
  readonly #places: Place[];
  #dead: { readonly name: string; readonly epoch: number; readonly at: number }[] = [];
  readonly #served: Served[] = [];
  #isLost = false;
  #conversations = 0;

  constructor(routers: number) {
    this.#places = Array.from({ length: routers }, (_, at) => ({
      name: `router-${at}`,
      router: undefined,
      open: [],
      clearSince: 0,
      known: knowsNobody,
      newest: new Map(),
    }));
    for (const place of this.#places) this.#start(place);
  }

  async step(step: ChaosStep): Promise<void> {
    if (step.do === 'wait') return this.#wait(step.ms);
    if (step.do === 'misbehave') return void (this.#lab.hub.faults = step.faults);
    const place = 'router' in step ? this.#places[step.router] : undefined;
    if (step.do === 'lose' || step.do === 'heal') {
      this.#isLost = step.do === 'lose';
      for (const { router } of this.#places) router?.channel.setCut(this.#isLost);
      if (!this.#isLost) this.#lab.hub.split(new Set());
    } else if (place !== undefined) await this.#happen(step.do, place, step);
    this.#disturbed();
  }

  /** Everything works again and time passes: all routers must know the truth, with requests open and without. */
  async settle(): Promise<void> {
    this.#lab.hub.faults = {};
    await this.step({ do: 'heal' });
    for (const [router] of this.#places.entries()) await this.step({ do: 'resume', router });
    await this.#wait(5000);
    this.#checkTruth();
    for (const { open } of this.#places) for (const slot of open.splice(0)) slot[Symbol.dispose]();
    await this.#wait(1000);
    this.#checkTruth();
    this.#checkFlows();
  }

  async #happen(what: ChaosStep['do'], place: Place, step: ChaosStep): Promise<void> {
    const { router, open } = place;
    if (what === 'restart') {
      await this.#kill(place);
      // Two processes of one name do not begin within one millisecond.
      await this.#wait(10);
      return this.#start(place);
    }
    if (router === undefined) return;
    if (what === 'kill') return this.#kill(place);
    if (what === 'resume') return this.#resume(place.name, router);
    if (what === 'pause') return this.#lab.pause(router);
    if (what === 'cut' || what === 'join') return router.channel.setCut(what === 'cut');
    if (what === 'split') return this.#lab.hub.split(new Set([place.name]));
    if (this.#lab.isPaused(router)) return;
    if (what === 'begin') open.push(await router.acquire(this.#lab.work([BigInt(++this.#conversations)])));
    if (what === 'end') open.shift()?.[Symbol.dispose]();
    if (step.do === 'serve') {
      router.brain.table.flows.served(flow, step.work, this.#now());
      this.#served.push({ by: router, work: step.work, at: this.#now() });
    }
  }

  /** A process that stood still for longer than peers may be silent has not heard them, and must not take them for gone. */
  #resume(name: string, router: LabRouter): void {
    const before = namesOf(router.brain.table.peers());
    const isCut = !router.channel.up();
    this.#lab.resume(router);
    if (isCut && !before.isSubsetOf(namesOf(router.brain.table.peers())))
      throw new Error(`${name} at ${this.#now()}: stood still and has forgotten a peer`);
  }

  #start(place: Place): void {
    place.router = this.#lab.start(place.name);
    place.router.channel.setCut(this.#isLost);
    place.newest = new Map();
    place.known = knowsNobody;
  }

  async #kill(place: Place): Promise<void> {
    if (place.router === undefined) return;
    const { epoch } = place.router.brain.table.row(this.#now());
    this.#dead.push({ name: place.name, epoch, at: this.#now() });
    await this.#lab.kill(place.router);
    place.router = undefined;
    place.open.length = 0;
  }

  async #wait(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      for (const place of this.#awake())
        if (!place.router.channel.up())
          place.known = { names: namesOf(place.router.brain.table.peers()), until: this.#now() + graceMs };
      await this.#lab.advance(Math.min(left, 250));
      for (const place of this.#awake()) this.#checkRows(place);
    }
  }

  /** What a router counts has not gone back, and is not that of one that has long been dead. */
  #checkRows(place: Place & { router: LabRouter }): void {
    const { name, router, newest, known: before } = place;
    const now = this.#now();
    if (now <= before.until && !before.names.isSubsetOf(namesOf(router.brain.table.peers())))
      throw new Error(`${name} at ${now}: was cut off and has forgotten a peer`);
    if (!router.channel.up()) place.clearSince = now;
    for (const { router: peer, epoch, seq } of router.brain.table.peers()) {
      const known = newest.get(peer);
      if (known !== undefined && (epoch - known.epoch || seq - known.seq) < 0)
        throw new Error(`${name} at ${now}: the row of ${peer} went back from ${JSON.stringify(known)} to ${seq}`);
      newest.set(peer, { epoch, seq });
      const dead = this.#dead.find((one) => one.name === peer && one.epoch === epoch);
      if (dead !== undefined && now - Math.max(dead.at, place.clearSince) > goneMs)
        throw new Error(`${name} at ${now}: counts ${peer}, dead since ${dead.at}`);
    }
  }

  #checkTruth(): void {
    const now = this.#now();
    for (const { replicaId } of this.#lab.pool.replicas) {
      const slots = this.#places.flatMap(({ open }) => open).filter(({ replica }) => replica.replicaId === replicaId);
      for (const { name, router } of this.#awake()) {
        const { inFlight, reservedOutputTokens, prefillSecondsLeft } = router.brain.table.load(replicaId, now);
        const truth = [slots.length, 10 * slots.length, 0];
        same([inFlight, reservedOutputTokens, prefillSecondsLeft], truth, `${name} at ${now}: load of ${replicaId}`);
      }
    }
  }

  /**
   * All that live processes have served is known to all, and nothing that nobody has. Who stood still has heard late, and
   * what a process told that has ended since is not told again: of that no more than all.
   */
  #checkFlows(): void {
    const now = this.#now();
    const alive = new Set(this.#places.map(({ router }) => router));
    const known = this.#served.filter(({ by }) => alive.has(by));
    const least = known.reduce((total, { work, at }) => total + work * 2 ** ((at - now) / 60_000), 0);
    const ended = this.#served.filter(({ by }) => !alive.has(by)).reduce((total, { work }) => total + work, 0);
    for (const { name, router } of this.#awake()) {
      const work = router.brain.table.flows.workOf(flow, now);
      if (work < 0.99 * least || work > 1.01 * (least + ended))
        throw new Error(`${name} at ${now}: knows ${work} served, of ${least} and ${ended} that were`);
    }
  }

  #awake(): (Place & { router: LabRouter })[] {
    return this.#places.filter(
      (place): place is Place & { router: LabRouter } =>
        place.router !== undefined && !this.#lab.isPaused(place.router),
    );
  }

  #disturbed(): void {
    for (const place of this.#places) place.clearSince = this.#now();
  }

  #now(): number {
    return this.#lab.clock.monotonic();
  }
}

function namesOf(rows: readonly LedgerRow[]): ReadonlySet<string> {
  return new Set(rows.map(({ router }) => router));
}

function same(seen: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}
