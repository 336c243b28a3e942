import { notServed } from './api-error.ts';
import { at, isObject, type Json } from './object.ts';

/** The rule of the custom resource: a writer that holds an older intent is refused. */
export const intentSeqRule = 'self.intentSeq >= oldSelf.intentSeq';

const annotation = 'fairway.dev/intent-seq';

/** The policy on children: their annotation may appear and grow, never go or sink. */
export const intentSeqPolicyExpression =
  `!('${annotation}' in oldObject.metadata.?annotations.orValue({})) || ` +
  `('${annotation}' in object.metadata.?annotations.orValue({}) && ` +
  `int(object.metadata.annotations['${annotation}']) >= int(oldObject.metadata.annotations['${annotation}']))`;

/** A validation rule over the new and the old value. Throws when the expression itself fails (no integer). */
export type Rule = (self: Json | undefined, old: Json | undefined) => boolean;

const number = (value: Json | undefined): number => {
  if (typeof value !== 'number') throw new TypeError('no such key: intentSeq');
  return value;
};

const annotated = (object: Json | undefined): bigint | undefined => {
  const annotations = at(object, 'metadata', 'annotations');
  const text = isObject(annotations) ? annotations[annotation] : undefined;
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !/^[+-]?\d+$/.test(text))
    throw new TypeError(`cannot convert ${String(text)} to int`);
  return BigInt(text);
};

/** The transition rules that a CustomResourceDefinition may carry: exactly these texts, evaluated by hand. */
const transitionRules: Record<string, Rule> = {
  [intentSeqRule]: (self, old) => number(at(self, 'intentSeq')) >= number(at(old, 'intentSeq')),
};

/** The expressions that a ValidatingAdmissionPolicy may carry. */
const policyExpressions: Record<string, Rule> = {
  [intentSeqPolicyExpression]: (object, old) => {
    const before = annotated(old);
    if (before === undefined) return true;
    const now = annotated(object);
    return now !== undefined && now >= before;
  },
};

export const transitionRule = (text: string): Rule => known(transitionRules, text);
export const policyExpression = (text: string): Rule => known(policyExpressions, text);

function known(table: Record<string, Rule>, text: string): Rule {
  const rule = table[text];
  if (rule === undefined) throw notServed(`the CEL expression ${JSON.stringify(text)} (known ones stand in cel.ts)`);
  return rule;
}
