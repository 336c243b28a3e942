import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ScenarioText } from '../scenario.ts';
import type { Figures } from '#loadtest/record/figures.ts';

/** Figures of each cell, in the order of the seeds. */
export type CellFigures<Cell extends string> = Readonly<Record<Cell, readonly Figures[]>>;

const command = fileURLToPath(new URL('../run.ts', import.meta.url));

/** Runs scenarios in processes of their own, and remembers what each came to: a run that was broken off goes on where it was. */
export class CellRuns {
  readonly #commit: string;
  readonly #folder: string;
  readonly #processes: number;

  constructor({ commit, folder, processes }: { commit: string; folder: string; processes: number }) {
    this.#commit = commit;
    this.#folder = folder;
    this.#processes = processes;
  }

  /** Each cell with each seed. */
  async all<Cell extends string>(
    cells: Readonly<Record<Cell, ScenarioText>>,
    seeds: readonly number[],
  ): Promise<CellFigures<Cell>> {
    await mkdir(this.#folder, { recursive: true });
    const found = {} as Record<Cell, Figures[]>;
    const wanted = (Object.entries(cells) as [Cell, ScenarioText][]).flatMap(([cell, scenario]) =>
      seeds.map((seed, at) => ({ cell, at, scenario: { ...scenario, seed } })),
    );
    let next = 0;
    const work = async (): Promise<void> => {
      for (let one = wanted[next++]; one !== undefined; one = wanted[next++])
        (found[one.cell] ??= [])[one.at] = await this.#figuresOf(one.scenario);
    };
    await Promise.all(Array.from({ length: this.#processes }, work));
    return found;
  }

  async #figuresOf(scenario: ScenarioText): Promise<Figures> {
    const text = JSON.stringify(scenario);
    const name = createHash('sha256').update(`${this.#commit} ${text}`).digest('hex').slice(0, 24);
    const file = path.join(this.#folder, `${name}.json`);
    const known = await readFile(file, 'utf8').catch(() => undefined);
    if (known !== undefined) return JSON.parse(known) as Figures;
    const { stdout } = await promisify(execFile)(process.execPath, [command, '--scenario', text]);
    await writeFile(`${file}.new`, stdout);
    await rename(`${file}.new`, file);
    return JSON.parse(stdout) as Figures;
  }
}
