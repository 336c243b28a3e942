import type { Step } from '../plan/step.ts';
import type { StepContext } from './step-context.ts';
import { judgeFailure, type StepFailure } from './judge-failure.ts';
import { takeStep } from './take-step.ts';

/** How far a plan came: whether anything changed, and what stopped it. */
export interface Acted {
  changed: boolean;
  failure: StepFailure | null;
}

/** Takes the steps in order until one fails; later ones may rely on earlier ones. Never throws but for the signal. */
export async function act(context: StepContext, steps: readonly Step[], onStep: (step: Step) => void): Promise<Acted> {
  let changed = false;
  for (const step of steps) {
    context.signal.throwIfAborted();
    try {
      const effect = await takeStep(context, step);
      if (effect === 'changed') onStep(step);
      changed ||= effect === 'changed';
    } catch (error) {
      context.signal.throwIfAborted();
      return { changed, failure: judgeFailure(step, error) };
    }
  }
  return { changed, failure: null };
}
