import { join } from 'node:path';
import { at, type JsonObject } from '../objects/object.ts';
import type { Container, Pod } from '../objects/workloads.ts';
import type { PodAddress } from './pod-addresses.ts';

const repo = join(import.meta.dirname, '..', '..', '..');

/** What a container becomes on this machine. */
export interface ContainerCommand {
  file: string;
  args: string[];
  env: Record<string, string>;
}

/** A reason, in the words of a real kubelet, why a container cannot be made. */
export class ContainerRefusedError extends Error {
  override name = 'ContainerRefusedError';
  readonly reason: 'ErrImagePull' | 'CreateContainerConfigError';
  constructor(reason: ContainerRefusedError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** An image's name without its tag or digest. */
export function imageName(image: string): string {
  return image.replace(/@sha256:.*$/, '').replace(/:[^/:]*$/, '');
}

/**
 * The command of an image by the closed table; its tag or digest does not matter. The container's arguments stand where the
 * table has `{args}`, or `{rest}` for all but the first, else at the end. @throws ContainerRefusedError
 */
export function commandOfImage(
  image: string,
  table: Record<string, string[]>,
  given: readonly string[],
): [string, ...string[]] {
  const name = imageName(image);
  const parts = (table[name] ?? []).map((part) =>
    part.replaceAll('{node}', process.execPath).replaceAll('{repo}', repo),
  );
  const places = new Map([
    ['{args}', given],
    ['{rest}', given.slice(1)],
  ]);
  const [file, ...args] = parts.flatMap((part) => places.get(part) ?? [part]);
  if (file !== undefined) return [file, ...args, ...(parts.some((part) => places.has(part)) ? [] : given)];
  const known = Object.keys(table).join(', ');
  throw new ContainerRefusedError(
    'ErrImagePull',
    `image "${name}" is not in the table of this kubelet (known: ${known})`,
  );
}

export interface ResolveContext {
  address: PodAddress;
  /** Secrets of the pod's namespace by name, decoded; a missing one is undefined. */
  secrets: Record<string, Record<string, string> | undefined>;
}

/** The container's environment, later entries seeing earlier ones. @throws ContainerRefusedError for a missing source. */
export function resolveEnv(pod: Pod, container: Container, context: ResolveContext): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom === undefined) env[name] = expand(value ?? '', env);
    else if ('fieldRef' in valueFrom) env[name] = fieldOf(pod, valueFrom.fieldRef.fieldPath, context.address);
    else {
      const { name: secret, key, optional } = valueFrom.secretKeyRef;
      const found = context.secrets[secret]?.[key];
      if (found !== undefined) env[name] = found;
      else if (optional !== true)
        throw new ContainerRefusedError('CreateContainerConfigError', `secret "${secret}" has no key "${key}"`);
    }
  }
  return env;
}

function fieldOf(pod: Pod, path: string, address: PodAddress): string {
  const keyed = /^metadata\.(annotations|labels)\['(.+)'\]$/.exec(path);
  if (keyed !== null) {
    if (keyed[2] === podPortAnnotation) return String(address.port);
    return String(at(pod, 'metadata', keyed[1] ?? '', keyed[2] ?? '') ?? '');
  }
  if (path === 'status.podIP') return address.ip;
  const plain = ['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName'];
  if (plain.includes(path)) return String(at(pod, ...path.split('.')) ?? '');
  throw new ContainerRefusedError('CreateContainerConfigError', `the field ${path} is not served by this kubelet`);
}

/** Where the pod's server really listens: the container's port on an address of its own, else a port of its own. */
export const podPortAnnotation = 'fairway.dev/pod-port';
export const pidAnnotation = 'fairway.dev/pid';

/** `$(NAME)` becomes the variable's value where there is one; `$$(NAME)` stays as `$(NAME)`. */
export function expand(text: string, env: Record<string, string>): string {
  return text.replace(/\$?\$\(([A-Za-z_][\w.-]*)\)/g, (whole, name: string) =>
    whole.startsWith('$$') ? whole.slice(1) : (env[name] ?? whole),
  );
}

/** Names of the secrets that a container needs. */
export function secretsOf(container: Container): string[] {
  const names = (container.env ?? []).flatMap(({ valueFrom }) =>
    valueFrom !== undefined && 'secretKeyRef' in valueFrom ? [valueFrom.secretKeyRef.name] : [],
  );
  return [...new Set(names)];
}

/** `data` of a Secret as text. */
export function decodeSecret(secret: JsonObject): Record<string, string> {
  const data = secret['data'];
  return Object.fromEntries(
    Object.entries(typeof data === 'object' && data !== null ? data : {}).map(([key, value]) => [
      key,
      Buffer.from(String(value), 'base64').toString('utf8'),
    ]),
  );
}
