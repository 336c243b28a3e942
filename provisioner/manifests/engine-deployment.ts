import { gpuSize, type GpuSize } from '#shared/contract/catalogue/catalog.ts';
import type { ModelDeployment } from '#shared/contract/desired.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import { kvEventsPort, kvReplayPort, type EngineProfile } from '../engines/engine-profile.ts';
import { weightsFor } from '../engines/weights.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { ManifestSettings } from './applied-spec.ts';
import {
  engineAccountName,
  gpuResources,
  namespaceName,
  poolName,
  poolSecretName,
  secretKeys,
  askedAnnotation,
  labels,
  labelsOf,
  podPortAnnotation,
} from './names.ts';
import { weightParts, type WeightParts } from './weights.ts';

/** One group of equal replicas of a pool. */
export interface EngineGroup {
  endpointId: string;
  deployment: ModelDeployment;
  accelerator: ModelDeployment['accelerators'][number];
  profile: EngineProfile;
}

/** Names under which clients may ask for a model; the engine serves the first. */
export function modelNames({ slug, providerModelId }: ModelDeployment): string[] {
  return [...new Set([slug, providerModelId])].filter((name) => name !== '');
}

/** Hash of the pod template: pods of one Deployment are equal, and another template is another Deployment. */
export function templateHash(group: EngineGroup, settings: ManifestSettings): string {
  return digest(JSON.stringify(podTemplate(group, settings, ''))).slice(0, 10);
}

/** Hash of what a spec asks of a group, its count left out. */
function askedHash({ deployment, accelerator, profile }: EngineGroup): string {
  const { modelId, slug, provider, providerModelId, engine } = deployment;
  const { acceleratorId, type, slug: size } = accelerator;
  const asked = [profile.name, modelId, slug, provider, providerModelId, acceleratorId, type, size];
  if (engine !== undefined) asked.push(JSON.stringify(engine));
  return digest(JSON.stringify(asked)).slice(0, 10);
}

/** The Deployment of a group, named by pool and template hash; its template is never updated in place. */
export function engineDeployment(group: EngineGroup, settings: ManifestSettings, replicas: number): KubeObject {
  const { endpointId, deployment, accelerator } = group;
  const hash = templateHash(group, settings);
  const groupLabels = { [labels.endpoint]: endpointId, [labels.pool]: deployment.modelId, [labels.revision]: hash };
  const meta = { ...labelsOf(endpointId, 'engine'), ...groupLabels, [labels.accelerator]: accelerator.acceleratorId };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: `${poolName(deployment.modelId)}-${hash}`,
      namespace: namespaceName(endpointId),
      labels: meta,
      annotations: { [askedAnnotation]: askedHash(group) },
    },
    spec: {
      replicas,
      revisionHistoryLimit: 1,
      progressDeadlineSeconds: seconds(group.profile.startTimeoutMs) + 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      selector: { matchLabels: groupLabels },
      template: podTemplate(group, settings, hash),
    },
  };
}

function podTemplate(group: EngineGroup, settings: ManifestSettings, hash: string): object {
  const { endpointId, deployment, accelerator, profile } = group;
  const { initContainers, volumes } = weightsOf(group, settings);
  return {
    metadata: {
      labels: {
        ...labelsOf(endpointId, 'engine'),
        [labels.pool]: deployment.modelId,
        [labels.revision]: hash,
        [labels.accelerator]: accelerator.acceleratorId,
      },
    },
    spec: {
      serviceAccountName: engineAccountName,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: seconds(
        settings.preStopMs + Math.min(settings.graceMs, profile.graceMsMax ?? settings.graceMs),
      ),
      securityContext: {
        ...(profile.user !== null && { runAsNonRoot: true, runAsUser: profile.user, fsGroup: profile.user }),
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(settings.sizeLabel !== null && { nodeSelector: { [settings.sizeLabel]: accelerator.slug } }),
      tolerations: [{ key: gpuResourceOf(group), operator: 'Exists', effect: 'NoSchedule' }],
      topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { [labels.pool]: deployment.modelId } },
        matchLabelKeys: ['pod-template-hash'],
      })),
      ...(initContainers !== undefined && { initContainers }),
      containers: [engineContainer(group, settings)],
      volumes: [
        // Parallel workers exchange tensors here; one GPU needs little. It counts against the memory of the pod.
        { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: gpusOf(group) > 1 ? '20Gi' : '1Gi' } },
        ...(hasCaches(profile) ? [{ name: 'cache', emptyDir: {} }] : []),
        ...volumes,
      ],
    },
  };
}

function weightsOf({ deployment, profile }: EngineGroup, settings: ManifestSettings): WeightParts {
  const source = settings.weightsOf(deployment, profile);
  return weightParts(source, poolSecretName(deployment.modelId), settings.storage);
}

function engineContainer(group: EngineGroup, settings: ManifestSettings): object {
  const { deployment, profile } = group;
  const resources = { [gpuResourceOf(group)]: String(gpusOf(group)) };
  const weights = weightsOf(group, settings);
  const kvEvents = settings.kvEvents ? profile.kvEvents : null;
  const probe = {
    httpGet: { path: profile.healthPath, port: profile.port, scheme: 'HTTP' },
    timeoutSeconds: seconds(profile.healthTimeoutMs),
  };
  return {
    name: 'engine',
    image: profile.image(deployment.engine?.version ?? profile.version, gpuOf(group)),
    ...(profile.command !== undefined && { command: profile.command }),
    args: [...argsOf(group, settings), ...shutdownArgs(profile, settings), ...(kvEvents === null ? [] : [kvEvents])],
    env: [
      // Empty where pods have addresses of their own: the engine then takes its default, the profile's port.
      ...(profile.env.port === undefined
        ? []
        : [
            {
              name: profile.env.port,
              valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${podPortAnnotation}']` } },
            },
          ]),
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      {
        name: profile.env.apiKey,
        valueFrom: { secretKeyRef: { name: poolSecretName(deployment.modelId), key: secretKeys.upstream } },
      },
      ...weights.env,
      ...Object.entries(profile.caches).map(([name, folder]) => ({ name, value: `${cacheFolder}/${folder}` })),
      ...Object.entries(profile.variables).map(([name, value]) => ({ name, value })),
    ],
    ports: [
      { name: 'http', containerPort: profile.port, protocol: 'TCP' },
      ...(kvEvents === null
        ? []
        : [
            { name: 'kv-events', containerPort: kvEventsPort, protocol: 'TCP' },
            { name: 'kv-replay', containerPort: kvReplayPort, protocol: 'TCP' },
          ]),
    ],
    resources: { limits: resources, requests: resources },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    startupProbe: { ...probe, periodSeconds: 1, failureThreshold: seconds(profile.startTimeoutMs) },
    readinessProbe: { ...probe, periodSeconds: 2, failureThreshold: 3 },
    // An engine that hangs does not use a grace: it is killed at once, and its streams go with it either way.
    livenessProbe: {
      ...probe,
      periodSeconds: 10,
      timeoutSeconds: Math.max(5, seconds(profile.healthTimeoutMs)),
      failureThreshold: 10,
      terminationGracePeriodSeconds: 1,
    },
    ...(settings.preStopMs > 0 && { lifecycle: { preStop: { sleep: { seconds: seconds(settings.preStopMs) } } } }),
    volumeMounts: [
      { name: 'shm', mountPath: '/dev/shm' },
      ...(hasCaches(profile) ? [{ name: 'cache', mountPath: cacheFolder }] : []),
      ...weights.mounts,
    ],
  };
}

/** Where the volume for what an engine downloads and compiles is mounted. */
const cacheFolder = '/cache';

function hasCaches({ caches }: EngineProfile): boolean {
  return Object.keys(caches).length > 0;
}

/** GPUs of one replica, all of which the engine spreads the model over. */
function gpusOf({ accelerator }: EngineGroup): number {
  return gpuSize(accelerator.slug)?.gpuCount ?? 1;
}

/** The GPU of a size; one that the catalogue does not know counts as NVIDIA's. */
function gpuOf({ accelerator }: EngineGroup): Pick<GpuSize, 'maker' | 'model'> {
  return gpuSize(accelerator.slug) ?? { maker: 'nvidia', model: '' };
}

function gpuResourceOf(group: EngineGroup): string {
  return gpuResources[gpuOf(group).maker];
}

/** What an engine does with its streams after SIGTERM is over before SIGKILL comes, so that it can still tell clients. */
const lastWordsMs = 5000;

function shutdownArgs({ shutdownFlag }: EngineProfile, { graceMs }: ManifestSettings): string[] {
  if (shutdownFlag === null) return [];
  const time = Math.floor((graceMs - Math.min(lastWordsMs, graceMs / 4)) / shutdownFlag.unitMs);
  return [`${shutdownFlag.name}=${time}`];
}

function argsOf(group: EngineGroup, settings: ManifestSettings): string[] {
  const { deployment, profile } = group;
  const [model = deployment.slug] = modelNames(deployment);
  return profile.args({
    port: profile.port,
    gpus: gpusOf(group),
    model,
    weights: weightsFor(settings.weightsOf(deployment, profile)),
    contextTokens: deployment.engine?.contextTokens,
    arguments: deployment.engine?.arguments ?? {},
  });
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
