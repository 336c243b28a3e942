import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/read-config.ts';
import { engineKinds, type EngineKind } from '../engines/local-engine.ts';

/** How the stack is run; every field is one flag of `npm run dev`. */
export interface StackOptions {
  /** End with exit code 0 after the first streamed completion. */
  smoke: boolean;
  /** Keep state across runs in this folder; undefined uses a temporary one that is removed at the end. */
  keep: string | undefined;
  replicas: number;
  /** What serves the demo endpoint's model. */
  engine: EngineKind;
  /** The GGUF file or the folder that a real engine serves. */
  weights: string | undefined;
  /** VPCs of the region, each with a cluster, a kubelet and routers of its own. */
  vpcs: number;
  /** Of each VPC. */
  routers: number;
  regionals: number;
  provisioners: number;
  /** First port; 0 takes free ones everywhere. */
  port: number;
  json: string | undefined;
  /** `embedded`: Kubernetes as `loadtest/cluster` serves it; `real`: etcd, kube-apiserver, controllers and scheduler; or one that runs already. */
  cluster: 'embedded' | 'real' | { kubeconfig: string };
  timeScale: number;
  leaseMs: number;
  drainTimeoutMs: number;
}

const flags = {
  smoke: { type: 'boolean' },
  keep: { type: 'boolean' },
  'state-dir': { type: 'string' },
  replicas: { type: 'string' },
  engine: { type: 'string' },
  gguf: { type: 'string' },
  model: { type: 'string' },
  vpcs: { type: 'string' },
  routers: { type: 'string' },
  regionals: { type: 'string' },
  provisioners: { type: 'string' },
  port: { type: 'string' },
  json: { type: 'string' },
  cluster: { type: 'string' },
  kubeconfig: { type: 'string' },
  'time-scale': { type: 'string' },
  'lease-ms': { type: 'string' },
  'drain-timeout-ms': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What `npm run dev -- --help` prints. */
export const usage = `npm run dev -- [options]
  --smoke              end with exit code 0 after the first streamed completion
  --keep               keep state across runs (in .fairway/dev, or in --state-dir)
  --state-dir FOLDER   where --keep keeps it
  --replicas N         replicas of the demo endpoint (default 2)
  --engine NAME        what serves the demo endpoint: sim (default), llama.cpp or vllm
  --gguf FILE          the model for llama.cpp; its llama-server is on the PATH or in LLAMA_SERVER
  --model FOLDER       the model for vllm, which is on the PATH or in VLLM
  --vpcs N             VPCs of the region, each with a cluster of its own (default 1)
  --routers N          router processes of each VPC (default 1)
  --regionals N        regional API processes (default 1)
  --provisioners N     provisioner processes (default 1)
  --port N             control plane on N, inference on N+1, private on N+2 (default 8700; 0 takes free ports)
  --json FILE          write addresses, tokens and pids as JSON once the first completion has streamed
  --cluster KIND       embedded (default), or real: etcd, kube-apiserver, controllers and scheduler, those of KUBEBUILDER_ASSETS,
                       or built once per machine from Go modules (needs Go; 4 to 15 minutes and 4 GB of disk the first time)
  --kubeconfig FILE    work on the cluster of its current context (with --keep its state is in .fairway/kubeconfig): NATS, Redis,
                       API, provisioner and router run here, replicas there; what is left in it is told at the end.
                       With --engine vllm --model ORG/NAME on its GPUs, with weights from Hugging Face
  --time-scale X       speed of the simulated model servers: 1 = as the imitated hardware, 0.1 = ten times as fast
  --lease-ms N         how long a silent provisioner keeps its work (default 10000)
  --drain-timeout-ms N how long a replica's streams may hold up a scale-down (default 600000)`;

/** Thrown for --help: the text goes to standard output and the exit code is 0. */
export class UsageAskedError extends Error {}

/** Reads the command line. @throws ConfigError with every problem and how to see the flags; UsageAskedError for --help. */
export function readStackOptions(args: readonly string[]): StackOptions {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw new ConfigError(`${error instanceof Error ? error.message : String(error)}\nSee: npm run dev -- --help`);
  }
  if (values.help === true) throw new UsageAskedError(usage);
  const problems: string[] = [];
  const number = (flag: keyof typeof values, fallback: number, [least, most]: [number, number]): number => {
    const given = values[flag];
    if (given === undefined) return fallback;
    const value = Number(given);
    const whole = flag === 'time-scale' || Number.isInteger(value);
    if (!whole || !(value >= least && value <= most))
      problems.push(`--${flag} must be a number from ${least} to ${most}, not "${String(given)}".`);
    return value;
  };
  const options: StackOptions = {
    smoke: values.smoke ?? false,
    keep: values.keep === true ? (values['state-dir'] ?? defaultFolder(values)) : undefined,
    replicas: number('replicas', 2, [1, 32]),
    ...engineOf(values, problems),
    vpcs: number('vpcs', 1, [1, 8]),
    routers: number('routers', 1, [1, 8]),
    regionals: number('regionals', 1, [1, 8]),
    provisioners: number('provisioners', 1, [1, 8]),
    port: number('port', 8700, [0, 65_500]),
    json: values.json,
    cluster: clusterOf(values, problems),
    timeScale: number('time-scale', 0.1, [0.001, 100]),
    leaseMs: number('lease-ms', 10_000, [500, 600_000]),
    drainTimeoutMs: number('drain-timeout-ms', 600_000, [1000, 3_600_000]),
  };
  if (values['state-dir'] !== undefined && values.keep !== true) problems.push('--state-dir needs --keep beside it.');
  if (problems.length > 0) throw new ConfigError(`${problems.join('\n')}\nSee: npm run dev -- --help`);
  return options;
}

/** Endpoints of one cluster are not to appear in another, only because both were tried here. */
function defaultFolder({ kubeconfig }: ReturnType<typeof parse>): string {
  return kubeconfig === undefined ? '.fairway/dev' : '.fairway/kubeconfig';
}

function clusterOf(values: ReturnType<typeof parse>, problems: string[]): StackOptions['cluster'] {
  const { cluster = 'embedded', kubeconfig, vpcs = '1', engine = 'sim' } = values;
  if (cluster !== 'embedded' && cluster !== 'real')
    problems.push(`--cluster must be embedded or real, not "${cluster}".`);
  if (kubeconfig === undefined) return cluster === 'real' ? 'real' : 'embedded';
  if (values.cluster !== undefined)
    problems.push('--kubeconfig names a cluster, so --cluster may not stand beside it.');
  if (vpcs !== '1') problems.push('--kubeconfig names one cluster, so --vpcs must be 1.');
  if (engine === 'llama.cpp')
    problems.push('--engine llama.cpp runs on this machine, not in the cluster of --kubeconfig.');
  if (engine === 'vllm' && values.model !== undefined && !/^[\w.-]+\/[\w.-]+$/.test(values.model))
    problems.push(`With --kubeconfig, --model is a name at Hugging Face, ORG/NAME, not "${values.model}".`);
  return { kubeconfig: resolve(kubeconfig) };
}

/** The flag that names each engine's weights. */
const weightFlags = { sim: undefined, 'llama.cpp': 'gguf', vllm: 'model' } as const;

function engineOf(values: ReturnType<typeof parse>, problems: string[]): Pick<StackOptions, 'engine' | 'weights'> {
  const { engine: name = 'sim' } = values;
  const engine = engineKinds.find((kind) => kind === name);
  if (engine === undefined) problems.push(`--engine must be one of ${engineKinds.join(', ')}, not "${name}".`);
  const flag = weightFlags[engine ?? 'sim'];
  const weights = flag && values[flag];
  if (flag !== undefined && weights === undefined)
    problems.push(`--engine ${name} needs --${flag} ${flag === 'gguf' ? 'FILE' : 'FOLDER'} beside it.`);
  for (const [kind, other] of Object.entries(weightFlags))
    if (other !== undefined && other !== flag && values[other] !== undefined)
      problems.push(`--${other} needs --engine ${kind} beside it.`);
  return { engine: engine ?? 'sim', weights };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: flags, allowPositionals: false }).values;
}
