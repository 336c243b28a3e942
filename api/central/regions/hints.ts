import { z } from 'zod';

const text = z.string().optional().catch(undefined);
const hintsSchema = z
  .object({ spec: z.object({ region: text, name: text }).catch({}) })
  .catch({ spec: {} })
  .transform(({ spec }) => spec);

/** What the front door must know of a create or a change; the region reads the rest, and tells what is wrong with it. */
export type Hints = z.infer<typeof hintsSchema>;

/** Region and name that a body names, as far as it can be read. */
export function readHints(body: Uint8Array | undefined): Hints {
  try {
    return hintsSchema.parse(JSON.parse(new TextDecoder().decode(body)));
  } catch {
    return {};
  }
}
