import { join } from 'node:path';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { lineOf, type Figures } from '#loadtest/record/figures.ts';
import { readDeclarations, runsOf, type Declaration } from '../declared/declaration.ts';
import { keptName } from '../declared/kept-name.ts';
import { judge } from '../declared/mark.ts';
import { readLoadOptions, repeats, usage, type LoadOptions } from './load-options.ts';
import { makePage } from './make-page.ts';
import { playRun, type Watched } from './play-run.ts';
import { scaled } from './scaled.ts';
import { lineOfScenario, listOf, verdict } from './text.ts';

/** Where the command speaks, and what ends it. */
export interface Terminal extends Watched {
  readonly out: (text: string) => void;
}

/** Exit codes; that of an interrupted run is the shells' own. */
const exit = { passed: 0, failed: 1, notUnderstood: 2, interrupted: 130 } as const;

/** `npm run load`: plays a declared scenario, and says which of its marks hold. Returns the exit code. */
export async function runLoad(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const options = readLoadOptions(args);
    const declarations = await readDeclarations();
    if (options.scenario !== undefined) return await play(named(options.scenario, declarations), options, terminal);
    terminal.out(`${usage}\n\nScenarios:\n${listOf(declarations)}\n`);
    return exit.passed;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.out(`${error.message}\n`);
    return exit.notUnderstood;
  }
}

function doubted({ doubts }: Figures): string {
  return doubts === undefined ? '' : ` · NOT VALID: ${doubts.join('; ')}`;
}

/** @throws ConfigError that says which there are */
function named(name: string, declarations: readonly Declaration[]): Declaration {
  const found = declarations.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new ConfigError(`There is no scenario "${name}". There are:\n${listOf(declarations)}`);
}

/** Each seed with the scenario and with what runs beside it, then the marks. */
async function play(declaration: Declaration, options: LoadOptions, terminal: Terminal): Promise<number> {
  const { name, shows, marks, full } = declaration;
  const { timeScale, stack, isFull, scale, changes, keep, wantsReport, seeds = declaration.seeds } = options;
  const asked = { ...(isFull && full), ...changes };
  const runs = Object.entries(runsOf(declaration, asked)).map(([run, one]) => [run, scaled(one, scale)] as const);
  if (runs.some(([, { workload }]) => workload.kind === 'trace' && workload.file === ''))
    throw new ConfigError(`Which trace? npm run load -- ${name} --trace FILE`);
  terminal.out(`${shows}\n${runs.map(([run, scenario]) => lineOfScenario(run, scenario)).join('\n')}\n\n`);
  const figures: Record<string, Figures[]> = {};
  const folders: string[] = [];
  for (const seed of seeds)
    for (const [run, scenario] of runs) {
      const about = { name: keptName(name, run, seed), keep, command: repeats(options, seed), timeScale, stack };
      folders.push(join(keep ?? '', about.name));
      const came = await playRun({ ...scenario, seed }, about, terminal);
      if (came !== undefined) terminal.out(`${run}, seed ${seed}: ${lineOf(came)}${doubted(came)}\n`);
      if (terminal.signal.aborted) return exit.interrupted;
      if (came !== undefined) (figures[run] ??= []).push(came);
    }
  const judged = marks.map((mark) => judge(mark, name, figures));
  terminal.out(`\n${verdict(judged)}\n`);
  if (wantsReport) terminal.out(`the runs as a page: ${await makePage(folders, join(keep ?? '', 'report'))}`);
  return judged.every(({ holds }) => holds) ? exit.passed : exit.failed;
}
