import type { parseArgs, ParseArgsConfig } from 'node:util';

/** Options of a command that runs a scenario, for `parseArgs`. What is left out has the scenario's default. */
export const scenarioOptions = {
  engineers: { type: 'string' },
  replicas: { type: 'string' },
  routers: { type: 'string' },
  policy: { type: 'string' },
  'session-header': { type: 'boolean' },
  eager: { type: 'boolean' },
  minutes: { type: 'string' },
  warmup: { type: 'string' },
  preset: { type: 'string' },
} as const satisfies ParseArgsConfig['options'];

type Values = ReturnType<typeof parseArgs<{ options: typeof scenarioOptions }>>['values'];

/** The scenario that they write, for `scenarioSchema` to read. */
export function writtenScenario(values: Values): object {
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  return {
    engineers: number(values.engineers),
    replicas: number(values.replicas),
    routers: number(values.routers),
    policy: values.policy,
    sessionHeader: values['session-header'],
    lateBinding: values.eager === true ? false : undefined,
    minutes: number(values.minutes),
    warmUpMinutes: number(values.warmup),
    preset: values.preset,
  };
}
