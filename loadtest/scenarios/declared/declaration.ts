import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { scenarioSchema, type Scenario } from '#loadtest/virtual/scenario.ts';
import { markSchema } from './mark.ts';

const declarationSchema = z
  .strictObject({
    /** One sentence: what it shows. */
    shows: z.string(),
    /** Of one seed of the scenario in virtual time, on one core, about. */
    seconds: z.number(),
    seeds: z.array(z.int()).min(1).default([1, 2, 3]),
    scenario: z.record(z.string(), z.json()),
    /** What is different in the size of production, which takes minutes. */
    full: z.record(z.string(), z.json()).default({}),
    /** Runs with the same seeds that marks compare it with: by name, what is different in them. */
    beside: z.record(z.string(), z.record(z.string(), z.json())).default({}),
    marks: z.array(markSchema).min(1),
  })
  .refine(
    ({ beside, marks }) =>
      marks.every(
        ({ ratioTo, lossFrom }) =>
          Object.hasOwn(beside, ratioTo ?? lossFrom ?? '') || (ratioTo ?? lossFrom) === undefined,
      ),
    'a mark is compared with a run that is not beside it',
  );

/** A scenario as its file declares it. */
export type Declaration = z.infer<typeof declarationSchema> & { readonly name: string };

const folder = import.meta.dirname;
const ending = '.json';

/** All there are, by name. @throws ConfigError if one is not as it should be */
export async function readDeclarations(): Promise<readonly Declaration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(ending)).toSorted();
  return Promise.all(files.map(async (file) => readDeclaration(file, await readFile(join(folder, file), 'utf8'))));
}

/** @throws ConfigError that says what is wrong where */
export function readDeclaration(file: string, text: string): Declaration {
  const declared = { name: file.slice(0, -ending.length), ...parsed(file, declarationSchema, JSON.parse(text)) };
  runsOf(declared, {});
  return declared;
}

/**
 * The scenario and what runs beside it, by name. What is asked for holds in all of them, but for what makes the difference
 * between them. @throws ConfigError if that is no scenario
 */
export function runsOf({ name, scenario, beside }: Declaration, asked: object): Readonly<Record<string, Scenario>> {
  const runs = Object.entries({ [name]: {}, ...beside });
  return Object.fromEntries(
    runs.map(([run, changes]) => [run, parsed(run, scenarioSchema, { ...scenario, ...asked, ...changes })]),
  );
}

function parsed<T>(where: string, schema: z.ZodType<T>, value: unknown): T {
  const { success, data, error } = schema.safeParse(value);
  if (!success) throw new ConfigError(`${where}: ${z.prettifyError(error)}`);
  return data;
}
