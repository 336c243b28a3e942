import { AppError, errorTable, type ErrorCode } from '../shared/contract/errors.ts';
import { errors as anthropic } from '../router/dialects/anthropic/errors.ts';
import type { ErrorVoice } from '../router/dialects/dialect.ts';
import { errors as openAi } from '../router/dialects/openai/errors.ts';

const intro = `# Errors

Made by \`node docs/write-errors.ts\` from \`shared/contract/errors.ts\` and the dialects of the router; a test compares them. The control plane tells the code as \`id\`; the data plane as \`error.code\` (OpenAI's API) or \`error.details.error_code\` (Anthropic's), with the sentence, or a better one, as \`message\`. \`x-should-retry\` says whether the same request may be tried again; \`retry-after\` and \`retry-after-ms\` say when.

| code | OpenAI | Anthropic | try again | what it says |
|---|---|---|---|---|
`;

/** The page of all errors, a row per code. */
export function errorsPage(): string {
  const rows = Object.keys(errorTable).map((name) => {
    const code = name as ErrorCode;
    const { retryable, message } = errorTable[code];
    return `| \`${code}\` | ${toldBy(openAi, code)} | ${toldBy(anthropic, code)} | ${retryable ? 'yes' : 'no'} | ${message} |\n`;
  });
  return intro + rows.join('');
}

function toldBy(voice: ErrorVoice, code: ErrorCode): string {
  const { status, body } = voice.told(new AppError(code), { requestId: '' });
  const { error } = JSON.parse(body.toString()) as { error: { type: string } };
  return `${status} \`${error.type}\``;
}
