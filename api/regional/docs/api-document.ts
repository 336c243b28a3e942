import { z } from 'zod';
import { scopes } from '#shared/contract/identity.ts';

const text = z.string().min(1);
const reference = z.object({ $ref: text });

/** A JSON schema, as far as it is shown. */
const shownSchema = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  description: text.optional(),
  enum: z.array(z.unknown()).optional(),
  default: z.unknown().optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  minLength: z.int().optional(),
  maxLength: z.int().optional(),
  minItems: z.int().optional(),
  maxItems: z.int().optional(),
  required: z.array(z.string()).default([]),
  get properties() {
    return z.record(z.string(), shownSchema).optional();
  },
  get items() {
    return shownSchema.optional();
  },
  get anyOf() {
    return z.array(shownSchema).optional();
  },
});

/** One of them. */
export type ShownSchema = z.infer<typeof shownSchema>;

const header = z.object({
  description: text,
  required: z.boolean().default(false),
  schema: shownSchema,
  example: z.union([text, z.int()]),
});
const contentSchema = z.record(
  z.string(),
  z.object({
    schema: shownSchema,
    example: z.unknown().optional(),
    examples: z.record(z.string(), reference).default({}),
  }),
);
const operation = z.object({
  operationId: text,
  summary: text,
  description: text,
  security: z.tuple([z.object({ bearer: z.array(z.enum(scopes)).min(1) })]),
  parameters: z
    .array(
      z.object({ name: text, in: text, description: text, required: z.boolean().default(false), schema: shownSchema }),
    )
    .default([]),
  requestBody: z.object({ required: z.boolean(), content: contentSchema }).optional(),
  responses: z.record(
    z.string(),
    z.object({ description: text, headers: z.record(z.string(), reference), content: contentSchema.default({}) }),
  ),
});

/** One operation. */
export type ShownOperation = z.infer<typeof operation> & { method: string; path: string };

/**
 * The OpenAPI document as people are shown it. What has to stand there is required here: an operation, a parameter, a
 * response or a header without its description, or without its example, does not parse.
 */
export const apiDocumentSchema = z.object({
  info: z.object({ title: text, description: text }),
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.object({
    schemas: z.record(z.string(), shownSchema.extend({ description: text })),
    headers: z.record(z.string(), header),
    examples: z.record(z.string(), z.object({ summary: text, value: z.unknown() })),
    securitySchemes: z.object({ bearer: z.object({ description: text }) }),
  }),
});

/** The document. */
export type ApiDocument = z.infer<typeof apiDocumentSchema>;

/** Its operations in order, each with its method and path. */
export function operationsOf({ paths }: ApiDocument): ShownOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ method: method.toUpperCase(), path, ...one })),
  );
}

/** The last part of a reference: the name of what it refers to. */
export function nameOf($ref: string): string {
  return $ref.slice($ref.lastIndexOf('/') + 1);
}
