import { describe, expect, it } from 'vitest';
import { descriptorLimit } from '#shared/runtime/http/descriptor-limit.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { skipUnless } from '#shared/testing/skips.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import type { Ends } from './peers.ts';
import { startRouterProcess } from './router-process.ts';

/** How many clients come at once; the memory that the router may take, bytes. */
export interface Crowd {
  readonly uploads: number;
  readonly crumbs: number;
  readonly readers: number;
  /**
   * So many readers are waited for until they are cut. On a loopback device the kernel keeps megabytes for each; where its
   * memory for TCP ends, bytes trickle, and who takes some of them is not cut.
   */
  readonly cut: number;
  readonly idle: number;
  readonly bytesMax: number;
  /** Settings that differ from the defaults. */
  readonly env: Readonly<Record<string, string>>;
}

const promptBytes = 400_000;
const stallMs = 2000;

/** A router keeps its memory and its word, whatever a crowd of slow clients does; clients and engine are processes of their own. */
export function memoryContract({ env, bytesMax, ...crowd }: Crowd): void {
  const started = endAfterEach();
  // All connect before the first one sends, however long that takes on a busy machine.
  const patient = { FAIRWAY_HEAD_TIMEOUT_MS: '170000', FAIRWAY_BODY_TIMEOUT_MS: '170000' };
  const settings = { FAIRWAY_CLIENT_STALL_TIMEOUT_MS: String(stallMs), ...patient };
  const start = () => startRouterProcess(started, { ...settings, ...env });
  const told = (what: string, peakBytes: number, more: object): void =>
    void process.stdout.write(`${what}: at most ${Math.round(peakBytes / 1e6)} MB ${JSON.stringify(more)}\n`);

  describe('a router’s memory', () => {
    it(`holds ${crowd.uploads} uploads of 400 kB at once: each is served or told 503`, async () => {
      const router = await start();
      const ends = await (
        await router.peers({ what: 'uploads', count: crowd.uploads, bytes: promptBytes })
      ).next<Ends>();
      const givenUp = await router.metric('fairway_router_replay_copies_given_up_total');
      told(`${crowd.uploads} uploads`, router.peakBytes(), { ...ends, givenUp });
      expect(Object.keys(ends).filter((end) => end !== '200' && end !== '503')).toEqual([]);
      expect(ends['200']).toBeGreaterThan(crowd.uploads / 10);
      expect(router.peakBytes()).toBeLessThan(bytesMax);
      await eventually(async () => expect(await router.metric('fairway_router_body_bytes')).toBe(0));
    });

    it(`holds ${crowd.crumbs} uploads of 400 kB in chunks of one byte, and serves them`, async () => {
      const router = await start();
      const ends = await (await router.peers({ what: 'crumbs', count: crowd.crumbs, bytes: promptBytes })).next<Ends>();
      told(`${crowd.crumbs} uploads in crumbs`, router.peakBytes(), ends);
      expect(ends).toEqual({ 200: crowd.crumbs });
      expect(router.peakBytes()).toBeLessThan(bytesMax);
    });

    it(`holds ${crowd.readers} readers that take nothing, until they are cut or leave`, async () => {
      const router = await start();
      const peers = await router.peers({ what: 'readers', count: crowd.readers, bytes: 0 });
      await peers.next();
      const stalled = () => router.metric('fairway_router_errors_total{code="client_stalled"');
      await eventually(async () => expect(await stalled()).toBeGreaterThanOrEqual(crowd.cut), { timeoutMs: 150_000 });
      const notHeld = await router.metric('fairway_router_answers_not_held_total');
      told(`${crowd.readers} stalled readers`, router.peakBytes(), { cut: await stalled(), notHeld });
      await peers.kill();
      await eventually(async () => expect(await router.metric('fairway_router_in_flight_requests')).toBe(0));
      await eventually(async () => expect(await router.metric('fairway_router_answer_bytes')).toBe(0));
      expect(router.peakBytes()).toBeLessThan(bytesMax);
    });

    const enough = descriptorLimit() > crowd.idle + 500;
    const more = { what: `${crowd.idle + 500} file descriptors`, how: `ulimit -n ${crowd.idle + 500}` };
    it(`holds ${crowd.idle} idle connections, and serves others`, skipUnless(enough, more), async () => {
      const router = await start();
      const peers = await router.peers({ what: 'idle', count: crowd.idle, bytes: 0 });
      expect(await peers.next<Ends>()).toEqual({ 200: crowd.idle });
      const others = await (await router.peers({ what: 'uploads', count: 5, bytes: promptBytes })).next<Ends>();
      expect(others).toEqual({ 200: 5 });
      peers.goOn();
      expect(await peers.next()).toEqual({ open: crowd.idle });
      told(`${crowd.idle} idle connections`, router.peakBytes(), {});
      expect(router.peakBytes()).toBeLessThan(bytesMax);
    });
  });
}
