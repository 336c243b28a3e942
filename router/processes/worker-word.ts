import cluster from 'node:cluster';
import { z } from 'zod';
import type { Clock } from '#shared/runtime/clock.ts';
import type { ServiceManners } from '#shared/runtime/run-service.ts';
import { endsWithin } from '#shared/runtime/within.ts';
import type { RelayLink } from './relayed-ledger-channel.ts';

const workerWordSchema = z.discriminatedUnion('kind', [
  /** It takes requests. */
  z.object({ kind: z.literal('started'), url: z.string(), privateUrl: z.string(), adminUrl: z.string() }),
  /** It cannot start, for a reason that its user can put right. */
  z.object({ kind: z.literal('failed'), reason: z.string() }),
  /** For the routers of the other processes, or for one of them; the other way it is what they say. */
  z.object({ kind: z.literal('ledger'), text: z.string(), to: z.string().optional() }),
]);

/** What a process among several and the one that started it say to each other. */
export type WorkerWord = z.infer<typeof workerWordSchema>;

/** Where a process takes requests. */
export type WorkerPlaces = Omit<Extract<WorkerWord, { kind: 'started' }>, 'kind'>;

/** Undefined for what is no such word: Node's own also come this way. */
export function readWord(message: unknown): WorkerWord | undefined {
  return workerWordSchema.safeParse(message).data;
}

/** Says a word to the process that started this one; nothing where it was started alone. */
export function tellPrimary(word: WorkerWord, sent: () => void = () => {}): void {
  if (process.connected) process.send?.(word, undefined, undefined, sent);
}

/** The way over the process that started this one to those beside it. */
export function primaryLink(): RelayLink {
  return {
    send: (text, to, sent) => tellPrimary({ kind: 'ledger', text, ...(to !== undefined && { to }) }, sent),
    hear(handler) {
      const listen = (message: unknown): void => {
        const word = readWord(message);
        if (word?.kind === 'ledger') handler(word.text);
      };
      process.on('message', listen);
      return () => void process.off('message', listen);
    },
  };
}

/** How this process behaves if another one started it: it is told by that one when to end, and tells it what is wrong. */
export function mannersOfWorker(): ServiceManners {
  return cluster.isWorker ? { isWorker: true, sayProblem: (reason) => tellPrimary({ kind: 'failed', reason }) } : {};
}

/** A process among several gets its share of connections once it listens: one that has nothing to serve from waits so long. */
const loadMs = 10_000;

/** Waits, in a process that another one started, until there is something to serve from. */
export async function untilLoaded(loaded: () => Promise<void>, clock: Clock): Promise<void> {
  if (cluster.isWorker) await endsWithin(loaded(), loadMs, { clock });
}

/** The end of a process that another one started: the way between them would keep it alive. */
export function leavePrimary(): void {
  cluster.worker?.disconnect();
}
