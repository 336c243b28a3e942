import { z } from 'zod';
import { dedicatedInferenceSchema } from './resource.ts';

/** Query of what can be tried out: `dry_run=true` stores nothing. */
export const dryRunQuerySchema = z.object({
  dry_run: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'With `true` nothing is stored: the answer says what would be, and what is wrong is refused as ever. Only with an Idempotency-Key are its ids those that the change will have.',
    ),
});

const verdict = z.enum(['yes', 'tight', 'unknown']);

const fitReply = z
  .object({
    memory_gb: z.number().describe('Memory of its accelerators.'),
    engine_gb: z.number().describe('What the engine keeps for itself.'),
    weights_gb: z.number().describe('The weights.'),
    kv_cache_gb: z.number().describe('What is left for the KV cache.'),
    kv_bytes_per_token: z.int().describe('Memory of one token in it, bytes.'),
    kv_cache_tokens: z.int().describe('Tokens that it holds.'),
    context_tokens: z.int().describe('The longest context of the model.'),
    sessions_per_replica: z.number().describe('Sessions of the whole context that it holds at once.'),
    sessions: z.number().describe('The same over all replicas of the group.'),
  })
  .describe(
    'The arithmetic for one replica, memory in 10⁹ bytes; absent for a model that the catalogue does not know.',
  );

const price = z.string().regex(/^\d+\.\d\d$/);

const groupReply = z.object({
  model_slug: z.string().describe('Name of the model.'),
  accelerator_slug: z.string().describe('Size of the accelerators of one replica.'),
  type: z.string().describe('What its replicas do.'),
  scale: z.int().describe('Replicas.'),
  gpus: z.int().describe('GPUs of all of them.'),
  price_per_hour: price.describe('Price of all of them.'),
  fits: verdict.describe('Whether the model fits: `tight` when a session of the whole context barely does.'),
  fit: fitReply.optional(),
  explanation: z.string().describe('The arithmetic in a sentence.'),
});

/** What a change would come to. */
export const dryRunSchema = z
  .object({
    fits: verdict.describe('The least sure of its accelerators.'),
    accelerators: z.array(groupReply).describe('Every group of equal replicas.'),
    price: z
      .object({
        currency: z.literal('USD').describe('Of the prices.'),
        per_hour: price.describe('Price of all accelerators.'),
        per_month: price.describe('The same for a month.'),
        hours_per_month: z.int().describe('Hours that this month has.'),
      })
      .describe('What it costs while it is there.'),
    ready: z
      .object({
        minutes: z.int().describe('Minutes until it answers; half of the earlier changes took no longer.'),
        minutes_nine_of_ten: z.int().optional().describe('Nine of ten took no longer.'),
        basis: z.enum(['history', 'published', 'nothing_to_start']).describe('Where that is from.'),
        explanation: z.string().describe('The same in a sentence.'),
      })
      .describe('How long it takes.'),
    notes: z.array(z.string()).describe('What should be seen to before it is sent in earnest.'),
  })
  .meta({ id: 'DryRun', description: 'What a create or a change would come to.' });

/** What it would come to. */
export type DryRun = z.infer<typeof dryRunSchema>;

/** Reply of a create or a change that was tried out: the resource as it would be shown, and no token. */
export const dryRunReplySchema = z.object({ dedicated_inference: dedicatedInferenceSchema, dry_run: dryRunSchema });

/** What it answers. */
export type DryRunReply = z.infer<typeof dryRunReplySchema>;
