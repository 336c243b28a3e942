import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { engineOffers } from '#shared/contract/catalogue/engines.ts';
import { ConfigError } from '#shared/runtime/read-config.ts';
import type { EngineProfile } from '../../provisioner/engines/engine-profile.ts';
import { llamaCpp } from '../../provisioner/engines/llama-cpp.ts';
import { vllm } from '../../provisioner/engines/vllm.ts';
import { imageName } from '../cluster/kubelet/resolve-command.ts';
import { findProgram, type WantedProgram } from './find-program.ts';
import { checkGguf, checkModelFolder } from './weights.ts';

/** What serves the demo model: the simulator, an engine of this machine, or one that a cluster runs. */
export interface LocalEngine {
  /** Name of its profile. */
  profile: string;
  /** Name by which clients ask for the model. */
  model: string;
  /** What a kubelet of processes runs for its images. */
  images: Record<string, string[]>;
  /** Environment of its pods. */
  env: Record<string, string>;
  /** What runs, for people. */
  about: string;
}

/** Engines that can be asked for by name. */
export const engineKinds = ['sim', 'llama.cpp', 'vllm'] as const;
export type EngineKind = (typeof engineKinds)[number];

/** Which engine, with which weights (a GGUF file, or a folder of vLLM's), and how many replicas share the processors. */
export interface WantedEngine {
  engine: EngineKind;
  weights: string | undefined;
  replicas: number;
}

interface Kind {
  profile: EngineProfile;
  program: WantedProgram;
  check(weights: string): Promise<void>;
  /** `{args}` stands for the profile's own, `{rest}` for all but the first; the weights stand where they win over these. */
  commandWith(program: string, weights: string): string[];
  /** Defaults, by the number of threads for each replica. */
  env(threads: number): Record<string, string>;
  /** Variables of the user's that its pods get, too. */
  inherited: RegExp;
}

const kinds: Record<Exclude<EngineKind, 'sim'>, Kind> = {
  'llama.cpp': {
    profile: llamaCpp,
    program: {
      name: 'llama-server',
      variable: 'LLAMA_SERVER',
      // Newer ones say a version before the number of their build; 0 was built from an archive, which knows no number.
      version: /^version: (?:[^(]*\(build )?([1-9]\d*)\b/m,
      oldest: engineOffers['llama-cpp'].oldest,
      byHand: 'brew install llama.cpp, or a release of https://github.com/ggml-org/llama.cpp/releases',
    },
    check: checkGguf,
    // A repository counts before a file unless it is empty. Threads that poll would take the processors from each other.
    commandWith: (program, weights) => [program, '{args}', '-hf', '', '-m', weights, '--poll', '0'],
    // A context as long as the model allows may take more memory than the machine has, several times over.
    env: (threads) => ({ LLAMA_ARG_THREADS: String(threads), LLAMA_ARG_CTX_SIZE: '16384' }),
    inherited: /^(LLAMA_ARG_|GGML_|CUDA_|(DY)?LD_LIBRARY_PATH$)/,
  },
  vllm: {
    profile: vllm,
    program: {
      name: 'vllm',
      variable: 'VLLM',
      version: /^(?:vllm )?v?(\d+\.\d+\.\d+)/im,
      oldest: engineOffers.vllm.oldest,
      byHand: 'pip install vllm, in an environment of its own',
    },
    check: checkModelFolder,
    // They take the place of the model, the profile's first argument.
    commandWith: (program, weights) => [program, 'serve', weights, '{rest}'],
    env: (threads) => ({ OMP_NUM_THREADS: String(threads), VLLM_CPU_KVCACHE_SPACE: '1' }),
    inherited: /^(VLLM_|CUDA_|OMP_|(DY)?LD_LIBRARY_PATH$)/,
  },
};

/** Finds what was asked for. @throws ConfigError that says what is missing, unfit or too old, and what to do. */
export async function findEngine(
  { engine, weights, replicas }: WantedEngine,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LocalEngine> {
  if (engine === 'sim') return simulated;
  const kind = kinds[engine];
  if (weights === undefined) throw new ConfigError(`--engine ${engine} needs weights.`);
  const path = resolve(weights);
  await kind.check(path);
  const program = await findProgram(kind.program, env);
  // One share is left for everything else on this machine.
  const threads = Math.max(1, Math.floor(availableParallelism() / (replicas + 1)));
  const inherited = Object.entries(env).filter(([name]) => kind.inherited.test(name)) as [string, string][];
  return {
    profile: kind.profile.name,
    model: modelNameOf(path),
    images: Object.fromEntries(imagesOf(kind.profile).map((image) => [image, kind.commandWith(program.file, path)])),
    env: { ...kind.env(threads), ...Object.fromEntries(inherited) },
    about: `${program.file} (${program.version ?? 'of unknown version'}) with ${path}, each replica with ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
  };
}

/** vLLM as its profile says, in a cluster whose nodes run images. Its pods download the weights. */
export function vllmInCluster(model: string): LocalEngine {
  return {
    profile: vllm.name,
    model,
    images: {},
    env: {},
    about: `vLLM in the cluster, with ${model} from Hugging Face`,
  };
}

/** The simulator under Node, which is always there. */
export const simulated: LocalEngine = {
  profile: 'sim',
  model: 'fairway/demo-model',
  images: {},
  env: {},
  about: 'the model is simulated: it makes up text, with the timing of a real engine',
};

/** Its images for GPUs of any maker: all of them are played here. */
function imagesOf({ image, version }: EngineProfile): string[] {
  return (['nvidia', 'amd'] as const).map((maker) => imageName(image(version, { maker, model: '' })));
}

/** The weights' own name as the API takes names of models. */
function modelNameOf(path: string): string {
  const words = basename(path)
    .replace(/\.gguf$/i, '')
    .split(/[^\w.-]|\.(?=\.)|\.$/)
    .join('-');
  return words.replace(/^[^A-Za-z0-9]+/, '').slice(0, 200) || 'model';
}
