import { weightsFolder, type WeightSource } from '../engines/weights.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ObjectStorage } from './applied-spec.ts';
import { secretKeys } from './names.ts';

/** What a pod has for the sake of its weights. */
export interface WeightParts {
  initContainers?: object[];
  volumes: object[];
  /** Of the engine: it never writes to them. */
  mounts: object[];
  env: object[];
}

/** Fetches from storage; named like what it fetches, since people read its log when that fails. */
const fetchImage = 'rclone/rclone:1.75.2';
/**
 * A path at which nothing lies is no error to rclone unless it is told; that it transfers nothing would then also be said of
 * a pod that is begun again with its files there, so it takes all of them again.
 */
const fetchFlags = ['--config=', '--s3-no-check-bucket', '--retries=3', '--error-on-no-transfer', '--ignore-times'];
/** Its image runs as root; any user may do what it does. */
const fetchUser = 65_532;

const secretVariable = (secret: string, name: string, key: string): object => ({
  name,
  valueFrom: { secretKeyRef: { name: secret, key, optional: true } },
});

/** The parts of a pod that bring its weights there; `secret` is the name of the pool's Secret. Pure. */
export function weightParts(source: WeightSource | null, secret: string, storage: ObjectStorage): WeightParts {
  if (source === null) return { volumes: [], mounts: [], env: [] };
  if (source.kind === 'hub')
    return { volumes: [], mounts: [], env: [secretVariable(secret, 'HF_TOKEN', secretKeys.huggingFace)] };
  const parts = {
    mounts: [{ name: 'weights', mountPath: weightsFolder, readOnly: true }],
    // What is not there is not looked for outside, where the pod may not go.
    env: [{ name: 'HF_HUB_OFFLINE', value: '1' }],
  };
  switch (source.kind) {
    case 'storage':
      return {
        ...parts,
        initContainers: [fetchContainer(source.bucketPath, secret, storage)],
        volumes: [{ name: 'weights', emptyDir: {} }],
      };
    case 'claim':
      return {
        ...parts,
        volumes: [{ name: 'weights', ephemeral: { volumeClaimTemplate: claim(source.storageClass) } }],
      };
    case 'image': {
      const { reference } = source;
      return { ...parts, volumes: [{ name: 'weights', image: { reference, pullPolicy: 'IfNotPresent' } }] };
    }
  }
}

/** A claim of each pod's own, on a volume that holds the weights already; how much lies there is not asked. */
function claim(storageClassName: string): object {
  const resources = { requests: { storage: '1Gi' } };
  return { spec: { accessModes: ['ReadOnlyMany'], storageClassName, resources } };
}

function fetchContainer(bucketPath: string, secret: string, { endpoint, region }: ObjectStorage): object {
  return {
    name: 'weights',
    image: fetchImage,
    args: ['copy', `:s3:${bucketPath}`, weightsFolder, ...fetchFlags],
    env: [
      { name: 'RCLONE_S3_PROVIDER', value: 'Other' },
      { name: 'RCLONE_S3_ENDPOINT', value: endpoint },
      { name: 'RCLONE_S3_REGION', value: region },
      secretVariable(secret, 'RCLONE_S3_ACCESS_KEY_ID', secretKeys.storageKeyId),
      secretVariable(secret, 'RCLONE_S3_SECRET_ACCESS_KEY', secretKeys.storageSecret),
    ],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: fetchUser,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: 'weights', mountPath: weightsFolder }],
  };
}

interface PodTemplate {
  initContainers?: { name: string }[];
  containers?: { env?: { name: string }[]; ports?: { containerPort: number }[] }[];
}

const podOf = ({ spec }: KubeObject): PodTemplate =>
  (spec as { template?: { spec?: PodTemplate } } | undefined)?.template?.spec ?? {};

/** Where the pods of a Deployment, also of one that an older build made, go for their weights; null for nowhere. Pure. */
export function fetchedFrom(deployment: KubeObject): 'hub' | 'storage' | null {
  const { initContainers = [], containers = [] } = podOf(deployment);
  if (initContainers.some(({ name }) => name === 'weights')) return 'storage';
  const names = new Set((containers[0]?.env ?? []).map(({ name }) => name));
  return names.has('HF_TOKEN') && names.has('HF_HOME') ? 'hub' : null;
}

/** The ports that the pods of a Deployment listen on. Pure. */
export function portsOf(deployment: KubeObject): number[] {
  return (podOf(deployment).containers?.[0]?.ports ?? []).map(({ containerPort }) => containerPort);
}
