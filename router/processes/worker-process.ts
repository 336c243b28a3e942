import type { Worker } from 'node:cluster';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { readWord, type WorkerPlaces, type WorkerWord } from './worker-word.ts';

/** Words that wait for a process that does not take them; above this they are dropped. */
const waitingBytesMax = 4 * 1024 * 1024;

/** One process of a router, as the one that started it sees it. */
export class WorkerProcess {
  /** Names it among the others that live: two are never alike. */
  readonly number: number;
  /** Where it takes requests; fails when it ends before. */
  readonly started: Promise<WorkerPlaces>;
  /** How it ended. */
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  #places: WorkerPlaces | undefined;
  #waitingBytes = 0;
  #leaving = false;

  constructor(worker: Worker, number: number, heard: (word: Extract<WorkerWord, { kind: 'ledger' }>) => void) {
    this.number = number;
    this.#worker = worker;
    const started = Promise.withResolvers<WorkerPlaces>();
    const ended = Promise.withResolvers<string>();
    this.started = started.promise;
    this.ended = ended.promise;
    // Whoever waits for it hears of the failure; nobody has to.
    started.promise.catch(() => {});
    let problem: string | undefined;
    worker.on('message', (message: unknown) => {
      const word = readWord(message);
      if (word?.kind === 'ledger') heard(word);
      if (word?.kind === 'failed') started.reject(new ConfigError((problem = word.reason)));
      if (word?.kind !== 'started') return;
      this.#places = word;
      started.resolve(word);
    });
    worker.on('error', (error) => {
      started.reject(error);
      // One that could not be made has no end.
      if (worker.process.pid === undefined) ended.resolve(String(error));
    });
    worker.once('exit', (code: number | null, signal: string | null) => {
      const how = problem ?? signal ?? `exit code ${code}`;
      started.reject(new Error(`process ${number} of the router ended while it started: ${how}`));
      ended.resolve(how);
    });
  }

  /** Undefined until it takes requests. */
  get places(): WorkerPlaces | undefined {
    return this.#places;
  }

  /** Whether it was asked to end. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** False when the process takes too little. */
  say(word: WorkerWord & { text: string }): boolean {
    const { length } = word.text;
    if (this.#waitingBytes + length > waitingBytesMax) return false;
    if (!this.#worker.isConnected()) return true;
    this.#waitingBytes += length;
    this.#worker.send(word, () => (this.#waitingBytes -= length));
    return true;
  }

  /** Asks it to end as a router ends: streams first. */
  leave(): void {
    this.#leaving = true;
    this.#worker.process.kill('SIGTERM');
  }

  kill(): void {
    this.#leaving = true;
    this.#worker.process.kill('SIGKILL');
  }
}
