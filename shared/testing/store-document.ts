import { writeDocuments, type DocumentWrite } from '#shared/runtime/nats/nats-publish.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { eventually } from './eventually.ts';

/**
 * Stores one document for a test and gives its sequence. While its answer is late, as on a busy machine, it is written
 * again. @throws when it is not stored at last.
 */
export function storeDocument(nats: Nats, write: DocumentWrite): Promise<number> {
  return eventually(async () => {
    const outcome = await writeDocuments(nats, [write], '');
    if (outcome.kind !== 'stored') throw new Error(outcome.reason);
    return outcome.seqs[0] ?? 0;
  });
}
