import type { Usage } from './usage.ts';

/**
 * How an attempt was lost: `connect` nothing was sent and nobody listens · `reset` the connection ended · `protocol`
 * what came makes no sense · `timeout` nothing came in time · `unauthorized` it refuses the pool's key (401) ·
 * `truncated` the answer ended before its end.
 */
export type SlotFailure = 'connect' | 'reset' | 'protocol' | 'timeout' | 'unauthorized' | 'truncated';

/**
 * What an attempt taught about its replica. The slot knows when it began, so that an old stream clears no newer failure.
 * - `answered`: it works; also when it says that the request is wrong (4xx). Usage, where it told it.
 * - `refused`: it is busy (429, 503): back-pressure, no failure.
 * - `faulted`: it answered 5xx. Counts against the replica unless another one answers the same request so, too.
 * - `failed`: the replica was lost.
 * - `left`: nothing was learned: the client left, or the failure was our own (no descriptors, no memory).
 */
export type SlotEnd =
  | { readonly kind: 'answered'; readonly usage: Usage | undefined }
  | { readonly kind: 'refused' }
  | { readonly kind: 'faulted' }
  | { readonly kind: 'failed'; readonly failure: SlotFailure }
  | { readonly kind: 'left' };
