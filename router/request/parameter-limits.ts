import type { Routing } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { BodyRules } from '../scan/body-rules.ts';
import { promptsOf, type ScannedBody } from '../scan/scanned-body.ts';

/**
 * Looks at every member by which a client asks for choices or for output; what is not said is bounded by the engine. What
 * an engine computes is the choices of all prompts of a batch.
 * @throws AppError `parameter_above_limit` with the first member that asks for too much
 */
export function assertWithinLimits(
  scan: ScannedBody,
  rules: Pick<BodyRules, 'fields' | 'batch'>,
  { choicesMax = Infinity, outputTokensMax = Infinity }: Pick<Routing, 'choicesMax' | 'outputTokensMax'>,
): void {
  const prompts = promptsOf(scan, rules);
  if (prompts > choicesMax) throw above(rules.batch ?? '', `a list of ${prompts}, each with a choice`, choicesMax);
  const perPrompt = prompts > 1 ? ` for each of ${prompts} prompts` : '';
  for (const [param, { json }] of scan.fields) {
    const asked = json === 'null' ? undefined : rules.fields.get(param)?.(JSON.parse(json));
    if (typeof asked !== 'object') continue;
    const { choices = 0, candidates = 0, maxTokens = 0 } = asked;
    if (Math.max(choices, candidates) * prompts > choicesMax) throw above(param, json + perPrompt, choicesMax);
    if (maxTokens > outputTokensMax) throw above(param, json, outputTokensMax);
  }
}

function above(param: string, said: string, max: number): AppError {
  return new AppError('parameter_above_limit', {
    message: `"${param}" is ${said}; this endpoint allows ${max} at most.`,
    param,
  });
}
