import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { accessDocumentSchema } from '#shared/contract/desired.ts';
import { poolDocumentSchema } from '#shared/contract/replica.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import type { Logger } from '#shared/runtime/log.ts';

const readingSchema = z.object({ region: z.string(), id: z.string(), adoptedAt: z.number(), lastSeq: z.int() });

const stateSchema = z.object({
  v: z.literal(1),
  vpcId: z.string(),
  access: z.array(accessDocumentSchema),
  pools: z.array(poolDocumentSchema),
  /** Which streams that is from, and how far they had been followed. */
  readings: z.object({ access: readingSchema.optional(), pools: readingSchema.optional() }).default({}),
});

/** What a router needs to serve without the control plane. It holds upstream keys and hashes of tokens. */
export type EdgeState = z.infer<typeof stateSchema>;

/** What outlives the process. */
export type EdgeMemory = Pick<StateFile, 'read' | 'write' | 'flushed'>;

/** A fixed list of access and pools, as a person writes it. @throws ConfigError naming what does not fit. */
export async function readEdgeFile(path: string): Promise<Pick<EdgeState, 'access' | 'pools'>> {
  try {
    return stateSchema.pick({ access: true, pools: true }).parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new ConfigError(`The list of access and pools in ${path} (FAIRWAY_EDGE_FILE) cannot be used: ${reason}`);
  }
}

/** The copy on disk that lets a router start while NATS is away: one file, replaced whole, readable by its owner alone. */
export class StateFile {
  readonly #folder: string;
  readonly #log: Logger;
  #writing: Promise<void> = Promise.resolve();
  #next: EdgeState | undefined;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** The last copy for this VPC; undefined when there is none that can be read. */
  async read(vpcId: string): Promise<EdgeState | undefined> {
    try {
      const state = stateSchema.parse(JSON.parse(await readFile(this.#path(vpcId), 'utf8')));
      return state.vpcId === vpcId ? state : undefined;
    } catch (error) {
      if (!isMissing(error)) this.#log.warn({ reason: String(error) }, 'state.unreadable');
      return undefined;
    }
  }

  /** Writes soon, one at a time; of several states that wait only the newest is written. A failure is logged. */
  write(state: EdgeState): void {
    const idle = this.#next === undefined;
    this.#next = state;
    if (idle) this.#writing = this.#writing.then(() => this.#writeNext());
  }

  /** Resolves when nothing is left to be written. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #writeNext(): Promise<void> {
    const state = this.#next;
    this.#next = undefined;
    if (state === undefined) return;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const temporary = `${this.#path(state.vpcId)}.${process.pid}.tmp`;
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(state));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path(state.vpcId));
    } catch (error) {
      this.#log.warn({ reason: String(error) }, 'state.unwritable');
    }
  }

  #path(vpcId: string): string {
    return join(this.#folder, `edge-${vpcId}.json`);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
