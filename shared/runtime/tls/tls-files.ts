import { readFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../config-error.ts';
import type { Logger } from '../log.ts';
import { startLoop, type Loop } from '../loop.ts';

/** Where a server's certificate chain and its private key lie, both PEM. */
export interface TlsFiles {
  certFile: string;
  keyFile: string;
}

/** A chain and its key, as they were read. */
export interface TlsIdentity {
  cert: string;
  key: string;
}

/** Reads them. @throws ConfigError naming the file that cannot be read, or both when they do not belong together. */
export async function readTlsFiles({ certFile, keyFile }: TlsFiles): Promise<TlsIdentity> {
  const read = (file: string): Promise<string> =>
    readFile(file, 'utf8').catch((error: unknown) => {
      throw new ConfigError(`${file} cannot be read: ${String(error)}`);
    });
  const identity = { cert: await read(certFile), key: await read(keyFile) };
  try {
    createSecureContext(identity);
  } catch (error) {
    throw new ConfigError(`${certFile} and ${keyFile} are no certificate with its key: ${String(error)}`);
  }
  return identity;
}

/**
 * Gives a server its certificate anew when the files have changed: connections that are open stay as they are. Files that do
 * not fit are told once and looked at again; until they do the old certificate stays.
 */
export function startTlsReload(
  server: Server,
  {
    files,
    everyMs,
    told,
    ...with_
  }: {
    files: TlsFiles;
    everyMs: number;
    /** Hears of each reload, and of each look that found files that do not fit. */
    told: (result: 'reloaded' | 'failed') => void;
    clock: Clock;
    log: Logger;
  },
  present: TlsIdentity,
): Loop {
  let known = present;
  let wrong = '';
  return startLoop({ name: 'tls.reload', everyMs, immediately: false, ...with_ }, async () => {
    try {
      const read = await readTlsFiles(files);
      wrong = '';
      if (read.cert === known.cert && read.key === known.key) return;
      server.setSecureContext(read);
      known = read;
      told('reloaded');
      with_.log.info({ certFile: files.certFile }, 'tls.reloaded');
    } catch (error) {
      told('failed');
      if (String(error) !== wrong) with_.log.error({ reason: String(error) }, 'tls.not_reloaded');
      wrong = String(error);
    }
  });
}
