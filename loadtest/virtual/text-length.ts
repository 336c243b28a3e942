import type { PartKind, PromptPart } from '#loadtest/workload/turn.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { logNormal } from '#loadtest/workload/distributions.ts';

/** Bytes of JSON around the text of a message. */
export const messageBytes = 40;

/**
 * Bytes per token by what a text is, median: JSON of tools, prose, code and logs, with the escapes of JSON. An assumption:
 * 2026's tokenizers make 3 to 5 bytes a token of each.
 */
const bytesPerToken: Readonly<Record<PartKind, number>> = {
  tools: 4.6,
  system: 4.5,
  repository: 4,
  question: 4.3,
  'tool-result': 3.4,
  answer: 3.9,
  summary: 4.4,
};
/** How much single texts differ: standard deviation of the logarithm. */
const sigma = 0.12;

/** How long a text is: the same for the same text, whoever sends it, and nothing that a router could know from its tokens. */
export function bytesOf({ id, kind, tokens }: PromptPart): number {
  return Math.max(1, Math.round(tokens * logNormal(seededRandom(id), { median: bytesPerToken[kind], sigma })));
}
