import { z } from 'zod';
import { routingSchema } from '#shared/contract/desired.ts';
import { presetNames, presets } from '#loadtest/sim/engine/presets.ts';
import { workloadSchema } from '#loadtest/workload/workload.ts';

/** Policies of the product, run as they are. */
const policies = routingSchema.shape.policy.unwrap();
/** Rules of other products that exist here alone. */
const rivalNames = ['kubeai', 'kubeai_session', 'llm_d', 'llm_d_active'] as const;

/** What goes wrong; times in seconds since the begin. Replicas and routers are meant by their index. */
const faultSchema = z.discriminatedUnion('kind', [
  /** So many replicas take `factor` times as long for each step. */
  z.strictObject({ kind: z.literal('slow'), at: z.number(), replicas: z.int(), factor: z.number() }),
  /** A process dies, and is there again after so long. */
  z.strictObject({ kind: z.literal('kill-replica'), at: z.number(), index: z.int().min(0), seconds: z.number() }),
  z.strictObject({ kind: z.literal('kill-router'), at: z.number(), index: z.int().min(0), seconds: z.number() }),
  /** A process stands still. */
  z.strictObject({ kind: z.literal('pause-router'), at: z.number(), index: z.int().min(0), seconds: z.number() }),
  /** Each replica in turn takes nothing new, is waited for, and is back with an empty cache so many seconds after it has gone. */
  z.strictObject({ kind: z.literal('rollout'), at: z.number(), seconds: z.number() }),
  /** Replicas become ready one by one, the first then, and each so many seconds after the one before. */
  z.strictObject({ kind: z.literal('cold-start'), at: z.number(), seconds: z.number() }),
  z.strictObject({ kind: z.literal('redis'), at: z.number(), seconds: z.number() }),
  /** So many clients of one flow send prompts that nobody has cached, one after the other without a pause. */
  z.strictObject({ kind: z.literal('flood'), at: z.number(), clients: z.int() }),
]);

/** One fault. */
export type Fault = z.infer<typeof faultSchema>;

const textSchema = z.strictObject({
  seed: z.int().default(1),
  workload: workloadSchema,
  /** Of a workload that has any. */
  engineers: z.int().min(1).default(300),
  replicas: z.int().min(1).default(8),
  /** Behind a layer-4 balancer, which picks one at random for each request. */
  routers: z.int().min(1).default(1),
  policy: z.enum([...policies.options, ...rivalNames]).default('affinity'),
  /** Clients name their conversations. */
  sessionHeader: z.boolean().default(false),
  /** Routers hold requests that would put others back. */
  lateBinding: z.boolean().default(true),
  preset: z.enum(presetNames).default('30b-a3b-h200'),
  /** Tokens of a KV block. The presets have 16; larger ones cost some cached tokens per turn, and save time. */
  kvBlockTokens: z.int().min(1).default(256),
  /** Tokens that fit into each replica's cache, in place of the preset's. */
  kvTokens: z.int().min(1).optional(),
  minutes: z.number().default(30),
  /** What ends before does not count. */
  warmUpMinutes: z.number().default(10),
  faults: z.array(faultSchema).default([]),
});

/** A scenario as it is written: what is left out has a default, and its preset is a name. */
export const scenarioSchema = textSchema
  .refine(
    ({ faults, replicas, routers }) =>
      faults.every(
        (fault) => !('index' in fault) || fault.index < (fault.kind === 'kill-replica' ? replicas : routers),
      ),
    'a fault is of a router or replica that the scenario does not have',
  )
  .refine(
    ({ faults, policy }) =>
      policies.safeParse(policy).success || !faults.some(({ kind }) => kind === 'rollout' || kind === 'cold-start'),
    'rules of other products do not know of replicas that come and go',
  )
  .transform(({ preset, kvBlockTokens, kvTokens = presets[preset].kvTokens, ...scenario }) => ({
    ...scenario,
    preset: { ...presets[preset], blockTokens: kvBlockTokens, kvTokens },
  }));

/** A scenario as people write it. */
export type ScenarioText = z.input<typeof scenarioSchema>;

/** One run: the same scenario gives the same figures. */
export type Scenario = z.infer<typeof scenarioSchema>;

/** The policy as the product knows it; undefined if it is a rival's rule. */
export function productPolicy({ policy }: Pick<Scenario, 'policy'>): z.infer<typeof policies> | undefined {
  return policies.safeParse(policy).data;
}
