import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { endAfterEach } from '#shared/testing/started.ts';
import { FileJournal } from './file-journal.ts';
import { builtin } from '../objects/kinds.ts';
import { Store } from './store.ts';

describe('FileJournal', () => {
  const kind = builtin('/configmaps');
  let folder: string;
  const started = endAfterEach();
  beforeEach(async () => void (folder = await started.folder('fairway-journal-')));

  const open = (linesMax: number): { store: Store; journal: FileJournal } => {
    const journal = new FileJournal(folder, linesMax);
    const store = new Store({ historyLimit: 10, journal, seed: journal.read() });
    journal.attach(store);
    return { store, journal };
  };
  const put = (store: Store, name: string, data: Record<string, string> = {}): void =>
    void store.put(kind, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'n' }, data });
  const dump = (store: Store): unknown => [store.revision, store.list(kind)];

  it.each([1, 2, 3, 7, 1000])('gives back every write, with a snapshot after %i lines', (linesMax) => {
    const { store, journal } = open(linesMax);
    for (let turn = 0; turn < 20; turn += 1) {
      put(store, `c${turn % 6}`, { turn: String(turn) });
      const victim = store.get(kind, 'n', `c${(turn + 3) % 6}`);
      if (turn % 4 === 0 && victim !== undefined) store.remove(kind, victim);
      using copy = new FileJournal(folder, linesMax);
      expect(dump(new Store({ historyLimit: 10, seed: copy.read() }))).toEqual(dump(store));
    }
    journal[Symbol.dispose]();
    const again = open(linesMax);
    expect(dump(again.store)).toEqual(dump(store));
    again.journal[Symbol.dispose]();
  });

  it('ignores a last line that was cut short, and writes on after it', async () => {
    const { store, journal } = open(1000);
    put(store, 'a');
    journal[Symbol.dispose]();
    await appendFile(join(folder, 'journal.jsonl'), '{"revision":9999,"kindId":"/confi');
    const again = open(1000);
    expect(again.store.list(kind).map(({ metadata }) => metadata.name)).toEqual(['a']);
    put(again.store, 'b');
    again.journal[Symbol.dispose]();
    const last = open(1000);
    expect(last.store.list(kind).map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    last.journal[Symbol.dispose]();
    expect((await readFile(join(folder, 'journal.jsonl'), 'utf8')).length).toBe(0);
  });
});
