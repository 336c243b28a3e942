import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { splitTokens } from './tokens.ts';

/** The sentence that every answer opens with. */
export const openingSentence = 'This is a simulated model (no weights are loaded).';

/** An answer, one string per token, and why it ends there. */
export interface Babble {
  readonly tokens: readonly string[];
  readonly finishReason: 'stop' | 'length';
  /** The stop string that ended it, else null. */
  readonly stopReason: string | null;
}

const patterns = [
  'The A N V the N, and the N V it PLACE.',
  'After that the N V each N once.',
  'If the N is A, the N V a A N instead.',
  'Every A N V one N per N.',
  'It V the N PLACE, so the N stays A.',
  'A second N V when the A N is full.',
  'In short, the N V the N and keeps the N A.',
  'Note that no N V a A N PLACE.',
  'The N comes first, then the A N, and the N last.',
  'When a N V the N, the A N wins.',
];

const words: Readonly<Record<string, readonly string[]>> = {
  N: 'queue router cache block prompt token request replica buffer thread socket index table worker batch stream record counter lease window'.split(
    ' ',
  ),
  A: 'small warm cold shared idle busy stable stale recent empty long plain quiet fast pure local'.split(' '),
  V: 'reads holds keeps moves sends counts skips merges checks splits returns follows stores marks opens closes'.split(
    ' ',
  ),
  PLACE: [
    'at the edge',
    'in order',
    'behind the lock',
    'before the next step',
    'on the way back',
    'under load',
    'once a second',
    'without a copy',
  ],
};

/** Writes sentences that read like text, ends after a number of them that comes from the seed, and says what it is. */
export function babble(request: {
  readonly seed: number;
  readonly maxTokens: number;
  /** Go on to `maxTokens` instead of ending where the text ends (vLLM's `ignore_eos`). */
  readonly ignoreEnd?: boolean;
  /** The text ends before the first of these. */
  readonly stop?: readonly string[];
}): Babble {
  const random = seededRandom(request.seed);
  const draw = random();
  const sentences = request.ignoreEnd === true ? Infinity : 2 + Math.floor(14 * draw * draw);
  const tokens: string[] = splitTokens(openingSentence).slice(0, request.maxTokens);
  let ended = false;
  for (let count = 1; tokens.length < request.maxTokens; count += 1) {
    ended = count > sentences;
    if (ended) break;
    const lead = count % 5 === 0 ? '\n\n' : ' ';
    for (const token of splitTokens(lead + sentence(random))) if (tokens.length < request.maxTokens) tokens.push(token);
  }
  const stopped = cutAtStop(tokens, request.stop ?? []);
  if (stopped !== undefined) return stopped;
  return { tokens, finishReason: ended ? 'stop' : 'length', stopReason: null };
}

function sentence(random: () => number): string {
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  const filled = pick(patterns).replace(/\b(?:PLACE|[NAV])\b(?! second)/g, (slot) => pick(words[slot] ?? [slot]));
  return filled.replace(/\ba (?=[aeiou])/g, 'an ');
}

/** vLLM keeps what stands before the stop string; the token that completes it was made and is counted. */
function cutAtStop(tokens: readonly string[], stops: readonly string[]): Babble | undefined {
  let text = '';
  for (const [index, token] of tokens.entries()) {
    text += token;
    const found = firstStop(text, stops);
    if (found === undefined) continue;
    const kept = tokens.slice(0, index + 1);
    let surplus = text.length - found.at;
    for (let last = kept.length - 1; last >= 0 && surplus > 0; last -= 1) {
      const piece = kept[last] ?? '';
      kept[last] = piece.slice(0, Math.max(0, piece.length - surplus));
      surplus -= piece.length;
    }
    return { tokens: kept, finishReason: 'stop', stopReason: found.stop };
  }
  return undefined;
}

function firstStop(text: string, stops: readonly string[]): { stop: string; at: number } | undefined {
  let first: { stop: string; at: number } | undefined;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at >= 0 && (first === undefined || at < first.at)) first = { stop, at };
  }
  return first;
}
