import { open } from 'node:fs/promises';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { azureHeader, azureRow } from './azure.ts';
import { mooncakeRow } from './mooncake.ts';
import { TraceFieldError, type TraceRow } from './trace-row.ts';

/** Recorders write some requests late: times may go back by so much, milliseconds; such a request counts as of now. */
const backMsMax = 1000;
const byteOrderMark = /^\uFEFF/;

/**
 * Reads a Mooncake or Azure trace line by line, in order of time; its first line tells which it is. Not more of the file is in
 * memory than `node:readline` reads ahead.
 * @throws {ConfigError} on a line that is not as its format says, on an empty file, and where no file can be opened
 */
export async function* readTrace(path: string, blockTokens: number): AsyncGenerator<TraceRow> {
  await using file = await open(path).catch((error: unknown) => {
    throw new ConfigError(`The trace cannot be read: ${String(error)}`);
  });
  let rowOf: ((line: string) => TraceRow) | undefined;
  let latest = -Infinity;
  let number = 0;
  for await (const raw of file.readLines()) {
    number += 1;
    const line = number === 1 ? raw.replace(byteOrderMark, '').trim() : raw.trim();
    if (line === '') continue;
    try {
      if (rowOf === undefined && line === azureHeader) {
        rowOf = azureRow;
        continue;
      }
      rowOf ??= formatOf(line, blockTokens);
      const row = rowOf(line);
      latest = Math.max(latest, checkedTime(row, latest));
      yield { ...row, timestamp: latest };
    } catch (error) {
      if (!(error instanceof TraceFieldError)) throw error;
      throw new ConfigError(`${path}:${number}: ${error.message}`);
    }
  }
  if (latest === -Infinity) throw new ConfigError(`${path}: no request in it; expected a Mooncake or an Azure trace`);
}

function formatOf(line: string, blockTokens: number): (line: string) => TraceRow {
  if (line.startsWith('{')) return (one) => mooncakeRow(one, blockTokens);
  throw new TraceFieldError(
    `expected a JSON object (a Mooncake trace) or the header ${azureHeader} (an Azure trace), found "${line.slice(0, 60)}"`,
  );
}

function checkedTime({ timestamp }: TraceRow, latest: number): number {
  if (timestamp >= latest - backMsMax) return timestamp;
  throw new TraceFieldError(
    `timestamp: goes back by ${latest - timestamp} ms; expected requests in order of time, ${backMsMax} ms of disorder at most`,
  );
}
