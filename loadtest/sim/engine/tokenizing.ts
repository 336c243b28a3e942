/**
 * How long a model server cuts a prompt into tokens before its engine has it, milliseconds. 512 KB of English and code, 125,000
 * tokens of o200k, take the fast tokenizers 34 to 59 ms of one core (js-tiktoken, gpt-tokenizer, tiktoken in Rust).
 */
export function tokenizingMs(promptTokens: number): number {
  return 4e-4 * promptTokens;
}
