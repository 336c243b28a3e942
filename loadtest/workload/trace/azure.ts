import { z } from 'zod';
import { TraceFieldError, type TraceRow } from './trace-row.ts';

/** The first line of an Azure trace. */
export const azureHeader = 'TIMESTAMP,ContextTokens,GeneratedTokens';

const rowSchema = z.tuple([
  z
    .string()
    .regex(
      /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$/,
      'expected a time as 2023-11-16 18:17:03.979',
    ),
  z.string().regex(/^[1-9]\d{0,8}$/, 'expected a whole number of tokens, at least 1'),
  z.string().regex(/^\d{1,9}$/, 'expected a whole number of tokens'),
]);

/**
 * Reads a row of an Azure trace: a time (UTC where it has no zone) and two lengths in tokens; no field is ever quoted. Source:
 * github.com/Azure/AzurePublicDataset, AzureLLMInferenceDataset2023.
 * @throws {TraceFieldError}
 */
export function azureRow(line: string): TraceRow {
  const cells = line.split(',');
  const names = azureHeader.split(',');
  if (cells.length !== names.length)
    throw new TraceFieldError(`expected ${names.length} fields (${azureHeader}), found ${cells.length}`);
  const { data, error } = rowSchema.safeParse(cells);
  if (data === undefined)
    throw new TraceFieldError(
      error.issues
        .map(({ path, message }) => `${names[Number(path[0])]}: ${message}, found "${cells[Number(path[0])]}"`)
        .join('; '),
    );
  const [time, inputTokens, outputTokens] = data;
  const zoned = /(Z|[+-]\d\d:\d\d)$/.test(time) ? time : `${time}Z`;
  const timestamp = Date.parse(zoned.replace(' ', 'T'));
  if (Number.isNaN(timestamp)) throw new TraceFieldError(`TIMESTAMP: there is no such time, found "${time}"`);
  return { timestamp, inputTokens: Number(inputTokens), outputTokens: Number(outputTokens) };
}
