import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where the definitions come from: Go modules, and the folder in each. */
const sources = [
  { module: 'sigs.k8s.io/gateway-api@v1.6.3', folder: 'config/crd/standard' },
  { module: 'sigs.k8s.io/gateway-api-inference-extension@v1.6.0', folder: 'config/crd/bases' },
] as const;

/** Puts the definitions into Go's module cache. */
export const downloadGatewayDefinitions = ['go', 'mod', 'download', ...sources.map(({ module }) => module)];

/**
 * Folders with the definitions of the Gateway API (standard channel) and of InferencePool, in Go's module cache.
 * @throws a sentence when they are not there.
 */
export async function findGatewayDefinitions(): Promise<string[]> {
  return Promise.all(
    sources.map(async ({ module, folder }) => {
      try {
        const env = { ...process.env, GOPROXY: 'off' };
        const { stdout } = await run('go', ['mod', 'download', '-json', module], { env });
        return join((JSON.parse(stdout) as { Dir: string }).Dir, folder);
      } catch (error) {
        throw new Error(`${module} is not in Go's module cache (${downloadGatewayDefinitions.join(' ')})`, {
          cause: error,
        });
      }
    }),
  );
}

/** `kubectl` of a real control plane’s programs, on a cluster. @throws when it fails. */
export function kubectl(
  { binaries, kubeconfigPath }: { binaries: string; kubeconfigPath: string },
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const command = join(binaries, 'kubectl');
  return run(command, ['--kubeconfig', kubeconfigPath, ...args], { maxBuffer: 16 * 1024 * 1024 });
}
