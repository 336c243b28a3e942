/**
 * A vocabulary of the 256 bytes without merges, in the letters that GPT-2's byte-level tokenizer writes them with
 * (github.com/openai/gpt-2, src/encoder.py): printable ones as they are, the others from U+0100 on.
 */
export const byteTokens: readonly string[] = letters();

/** Begins a text, begins and ends a message. */
export const [startToken, messageToken, endToken] = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;
export const specialTokens: readonly string[] = [startToken, messageToken, endToken];

function letters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}
