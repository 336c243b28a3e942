import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { endsWithin } from '#shared/runtime/within.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import type { AskerJob, FromAsker, ToAsker } from './asker-messages.ts';
import type { Strain } from './strain.ts';

const program = new URL('./asker.ts', import.meta.url);
/** How long one may take to end what it has under way. */
const stopMs = 15_000;

/** What a process that asks has seen since it last told. */
export type Seen = Extract<FromAsker, { kind: 'seen' }>;

/** A process that asks. It ends when we do, however we do. */
export class AskerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Resolves when it is gone, called for or not, and all that it said was heard. */
  readonly ended: Promise<unknown>;
  #strain: Strain | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // It may be gone before all that it has said is read.
    this.ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  }

  /** @throws when it ends before it is ready */
  static async start(seen: (seen: Seen) => void): Promise<AskerProcess> {
    const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const asker = new AskerProcess(child);
    const ready = Promise.withResolvers<void>();
    child.on('message', (message: FromAsker) => {
      if (message.kind === 'ready') ready.resolve();
      else if (message.kind === 'seen') seen(message);
      else asker.#strain = message.strain;
    });
    const early = asker.ended.then(() => Promise.reject(new Error('a process that was to ask ended at its start')));
    await Promise.race([ready.promise, early]);
    return asker;
  }

  /** Whether it has said that it is done: all that it was to ask was asked, or it was stopped. */
  get isDone(): boolean {
    return this.#strain !== undefined;
  }

  begin(job: AskerJob): void {
    this.#say({ kind: 'begin', job });
  }

  /** Asks no more, and gives how it fared; undefined if it ended before, or does not end. */
  async stop(): Promise<Strain | undefined> {
    this.#say({ kind: 'stop' });
    await endsWithin(this.ended, stopMs, { clock: systemClock });
    return this.#strain;
  }

  /** At once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended;
  }

  #say(message: ToAsker): void {
    // Of one that has ended meanwhile, nobody hears it.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}
