/** The folder of one run, where runs of declared scenarios are kept. `run` is the scenario, or what runs beside it. */
export function keptName(scenario: string, run: string, seed: number): string {
  return `${run === scenario ? scenario : `${scenario}-${run}`}-seed-${seed}`;
}
