import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../objects/object.ts';
import type { Journal, Store, StoreEvent, StoreSeed } from './store.ts';

type Line = { revision: number; kindId: string; object: KubeObject; deleted?: true };

/**
 * Keeps a store across restarts: every write is one line in `journal.jsonl`, handed to the operating system before it
 * is answered, and `snapshot.json` is written anew (aside, then renamed) whenever the journal has grown long. A killed
 * process therefore loses no acknowledged write; a power cut may, since nothing is fsynced.
 */
export class FileJournal implements Journal, Disposable {
  readonly #folder: string;
  readonly #linesMax: number;
  #file: number;
  #lines = 0;
  #store: Store | undefined;

  constructor(folder: string, linesMax = 5000) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#linesMax = linesMax;
    this.#file = openSync(join(folder, 'journal.jsonl'), 'a', 0o600);
  }

  /** What was stored before: snapshot, then the journal's lines that are newer. */
  read(): StoreSeed | undefined {
    const snapshot = readText(join(this.#folder, 'snapshot.json'));
    const lines = (readText(join(this.#folder, 'journal.jsonl')) ?? '').split('\n').filter((line) => line !== '');
    if (snapshot === undefined && lines.length === 0) return undefined;
    const seed = JSON.parse(snapshot ?? '{"revision":0,"objects":[]}') as StoreSeed;
    const objects = new Map(seed.objects.map((entry) => [idOf(entry), entry]));
    let { revision } = seed;
    for (const text of lines) {
      const line = parseLine(text);
      if (line === undefined || line.revision <= revision) continue;
      revision = line.revision;
      if (line.deleted === true) objects.delete(idOf(line));
      else objects.set(idOf(line), { kindId: line.kindId, object: line.object });
    }
    return { revision, objects: [...objects.values()] };
  }

  /** From now on snapshots are taken of this store; one is taken at once, so that the journal starts empty. */
  attach(store: Store): void {
    this.#store = store;
    this.#snapshot(store.revision);
  }

  append({ revision, kindId, object, type }: StoreEvent): void {
    // The store holds everything before this event, so the snapshot is one revision older.
    if (this.#lines >= this.#linesMax) this.#snapshot(revision - 1);
    const line: Line = { revision, kindId, object, ...(type === 'DELETED' ? { deleted: true } : {}) };
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    const lines = this.#lines;
    // A short write (full disk) is refused, and the next append starts over with a snapshot and an empty journal.
    this.#lines = this.#linesMax;
    if (writeSync(this.#file, bytes) !== bytes.length) throw new Error('The disk is full: nothing was stored.');
    this.#lines = lines + 1;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #snapshot(revision: number): void {
    if (this.#store === undefined) return;
    const objects = [...this.#store.all()];
    const aside = join(this.#folder, 'snapshot.json.new');
    writeFileSync(aside, JSON.stringify({ revision, objects }), { mode: 0o600 });
    renameSync(aside, join(this.#folder, 'snapshot.json'));
    closeSync(this.#file);
    this.#file = openSync(join(this.#folder, 'journal.jsonl'), 'w', 0o600);
    this.#lines = 0;
  }
}

const idOf = ({ kindId, object }: { kindId: string; object: KubeObject }): string =>
  `${kindId} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A last line cut short by a kill was never acknowledged. */
function parseLine(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}
