import type { Routing } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { BodyRules } from '../scan/body-rules.ts';
import type { ScannedBody } from '../scan/scanned-body.ts';

/**
 * Looks at every member by which a client asks for choices or for output; what is not said is bounded by the engine.
 * @throws AppError `parameter_above_limit` with the first member that asks for too much
 */
export function assertWithinLimits(
  { fields }: ScannedBody,
  rules: BodyRules,
  { choicesMax = Infinity, outputTokensMax = Infinity }: Pick<Routing, 'choicesMax' | 'outputTokensMax'>,
): void {
  for (const [param, { json }] of fields) {
    const asked = json === 'null' ? undefined : rules.fields.get(param)?.(JSON.parse(json));
    if (typeof asked !== 'object') continue;
    const { choices = 0, candidates = 0, maxTokens = 0 } = asked;
    if (Math.max(choices, candidates) > choicesMax) throw above(param, json, choicesMax);
    if (maxTokens > outputTokensMax) throw above(param, json, outputTokensMax);
  }
}

function above(param: string, json: string, max: number): AppError {
  const message = `"${param}" is ${json}; this endpoint allows ${max} at most.`;
  return new AppError('parameter_above_limit', { message, param });
}
