import { z } from 'zod';
import { centralConfigSchema } from '../api/central/config.ts';
import { adminConfigSchema } from '../api/cli/config.ts';
import { regionalConfigSchema } from '../api/regional/config.ts';
import { clusterEnv } from '../loadtest/cluster/config.ts';
import { kubeletEnv } from '../loadtest/cluster/kubelet/config.ts';
import { provisionerSchema } from '../provisioner/config.ts';
import { routerConfigSchema } from '../router/config.ts';

/** Each process with the one schema that reads its environment. */
const processes: readonly (readonly [title: string, file: string, schema: z.ZodObject])[] = [
  ['api/central', 'api/central/config.ts', centralConfigSchema],
  ['api/regional', 'api/regional/config.ts', regionalConfigSchema],
  ['npm run admin', 'api/cli/config.ts', adminConfigSchema],
  ['provisioner', 'provisioner/config.ts', provisionerSchema],
  ['router', 'router/config.ts', routerConfigSchema],
  ['Embedded cluster (tests and npm run dev)', 'loadtest/cluster/config.ts', clusterEnv],
  ['Kubelet of the embedded cluster', 'loadtest/cluster/kubelet/config.ts', kubeletEnv],
];

const intro = `# Settings

Made by \`node docs/write-settings.ts\` from the schemas that the processes read their environment with; a test compares the two. A process that is started with a value that does not fit names every such variable at once and ends. Times are in milliseconds unless a description says otherwise. The simulated model server takes flags, too: \`loadtest/sim/config.ts\`.

Every process also knows \`FAIRWAY_LOG_LEVEL\` (default \`info\`), \`FAIRWAY_STOP_TIMEOUT_MS\` (630000: when an orderly end that takes longer becomes a hard one) and \`FAIRWAY_EXIT_ON_STDIN_END=1\` (ends with its standard input). What set-up reads (\`FAIRWAY_CACHE\`, \`NATS_URL\`, \`VALKEY_SERVER\` …) stands in \`setup/README.md\`.
`;

/** What JSON Schema says of one variable, as far as it is shown. */
const shownSchema = z.object({
  description: z.string().default(''),
  default: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  secret: z.boolean().default(false),
  shownDefault: z.string().optional(),
});

/** The page of all settings. */
export function settingsPage(): string {
  const tables = processes.map(([title, file, schema]) => `## ${title}\n\n\`${file}\`\n\n${settingsTable(schema)}\n`);
  return [intro, ...tables].join('\n');
}

/** The table of one schema, a row per variable. A default that differs between machines is told by `meta({ shownDefault })`. */
export function settingsTable(schema: z.ZodObject): string {
  const { properties = {} } = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'output' });
  const rows = Object.entries(properties).map(([name, property]) => {
    const shown = shownSchema.parse(property);
    const optional = schema.shape[name]?.safeParse(undefined).success === true;
    const cells = [
      `\`${name}\``,
      defaultOf(shown, optional),
      valuesOf(shown),
      // Markdown takes `<model>` for a tag, and shows nothing.
      shown.description.replaceAll(/[|<]/g, String.raw`\$&`),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| variable | default | values | what for |', '|---|---|---|---|', ...rows].join('\n');
}

function defaultOf(shown: z.infer<typeof shownSchema>, optional: boolean): string {
  if (shown.shownDefault !== undefined) return shown.shownDefault;
  if (shown.default === undefined) return optional ? 'none' : '**required**';
  if (shown.default === '') return 'none';
  return `\`${typeof shown.default === 'string' ? shown.default : JSON.stringify(shown.default)}\``;
}

function valuesOf({ enum: choices, minimum, maximum, secret }: z.infer<typeof shownSchema>): string {
  if (secret) return 'secret';
  if (choices !== undefined) return choices.map((choice) => `\`${String(choice)}\``).join(' ');
  if (minimum === undefined) return '';
  return maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? `≥ ${minimum}` : `${minimum} to ${maximum}`;
}
