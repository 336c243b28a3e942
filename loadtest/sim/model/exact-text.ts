import { seededRandom } from '#shared/runtime/seeded-random.ts';

/** How long a text is to be, and which of all that are as long. */
export interface TextOrder {
  readonly seed: number;
  /** As `tokens.ts` cuts it, when it is not put directly behind or before another one. */
  readonly tokens: number;
  /** Held to 2 to 11 for each token. */
  readonly bytes: number;
}

/** Letters of a token's word; before it stands a blank. */
const [lettersMin, lettersMax] = [1, 10] as const;
const wordsOfALength = 256;
const letters = 'etaoinshrdlucmfwypgbvk';

/** Words of made-up letters by their length, the same in every process. */
const words = Array.from({ length: lettersMax + 1 }, (_, length) => {
  const random = seededRandom(length);
  const letter = (): string => letters[Math.floor(random() * letters.length)] ?? 'e';
  return Array.from({ length: wordsOfALength }, () => ` ${Array.from({ length }, letter).join('')}`);
});

/** Writes a text of exactly so many tokens and bytes, about 50 MB a second. JSON has it as it is. */
export function exactText({ seed, tokens, bytes }: TextOrder): string {
  const random = seededRandom(seed);
  let text = '';
  let left = bytes;
  for (let ahead = tokens; ahead > 0; ahead -= 1) {
    const length = Math.max(lettersMin, Math.min(lettersMax, Math.round(left / ahead) - 1));
    const word = words[length]?.[Math.floor(random() * wordsOfALength)] ?? '';
    text += word;
    left -= word.length;
  }
  return text;
}
