import { describe, expect, it } from 'vitest';
import { sampleIds, sampleSettings, sampleSpec } from '../testing/sample-endpoint.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { readEngineChoice } from '../engines/engine-choice.ts';
import { sglang } from '../engines/sglang.ts';
import { sim } from '../engines/sim.ts';
import { vllm } from '../engines/vllm.ts';
import { readWeightChoice } from '../engines/weights.ts';
import { quota } from './guards.ts';
import { kindOf } from '../kube/kinds.ts';
import { customResource } from './custom-resource.ts';
import { fenced, groupsOf, supportObjects } from './endpoint-objects.ts';
import { engineDeployment, modelNames, templateHash, type EngineGroup } from './engine-deployment.ts';
import { gateway, gatewayClass } from './gateway.ts';
import { sharedNamespace } from './namespace.ts';
import { poolName } from './names.ts';
import { appliedSpec, type AppliedSpec } from './applied-spec.ts';
import type { Hosts } from './routes.ts';

const settings = sampleSettings.manifests;
const specOf = (scale: number) => appliedSpec(sampleSpec(scale), 42);
const owner = { apiVersion: 'fairway.dev/v1', kind: 'DedicatedInference', name: 'di-x', uid: 'uid-1' };
const secretsOf = () => ({ upstreamKey: 'upstream-key', huggingFaceToken: 'hf_secret' });
const context = {
  owner,
  secretsOf,
  settings,
  beside: { pods: 0, gpus: 0 },
  deployments: [],
  hosts: null,
  evictable: new Set<string>(),
};
const hosts = { private: 'e-private-inference.test', public: 'e-public-inference.test' };
const mounted = { kind: 'claim', storageClass: 'nfs', path: '' } as const;
const group = (scale: number): EngineGroup => groupsOf(specOf(scale), settings)[0] as EngineGroup;

describe('manifests', () => {
  // The fence's text stands in k8s/, where a test compares it.
  it('are what they were: an endpoint of two replicas', async () => {
    const objects: KubeObject[] = [
      sharedNamespace(),
      gatewayClass(),
      gateway('*.test'),
      customResource(specOf(2)),
      ...supportObjects(specOf(2), { ...context, hosts, deployments: [engineDeployment(group(2), settings, 2)] }),
      fenced(engineDeployment(group(2), settings, 2), 42),
    ];
    await expect(`${JSON.stringify(objects, null, 2)}\n`).toMatchFileSnapshot('./endpoint.golden.json');
  });

  it('are of kinds that the client knows, named for the cluster', () => {
    for (const object of supportObjects(specOf(2), context)) {
      expect(() => kindOf(object)).not.toThrow();
      expect(object.metadata.name).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
      expect(object.metadata.annotations).toEqual({ 'fairway.dev/intent-seq': '42' });
    }
  });

  it('have names at the Gateway: the public one where it is enabled, a rule per model where there are several', () => {
    const [first] = sampleSpec(1).deployments;
    if (first === undefined) throw new Error('the sample has a deployment');
    const second = { ...first, modelId: 'b', slug: 'b', providerModelId: 'b/b' };
    const route = (spec: AppliedSpec, names: Hosts): unknown =>
      supportObjects(spec, { ...context, hosts: names }).find(({ kind }) => kind === 'HTTPRoute')?.['spec'];
    const alone = { parentRefs: [{ sectionName: 'private' }], hostnames: [hosts.private] };
    expect(route(specOf(1), { private: hosts.private })).toMatchObject(alone);
    const two = appliedSpec(sampleSpec(1, { deployments: [first, second] }), 42);
    expect(route(two, hosts)).toMatchObject({
      parentRefs: [{ sectionName: 'private' }, { sectionName: 'public' }],
      hostnames: [hosts.private, hosts.public],
      rules: [
        { backendRefs: [{ name: poolName(first.modelId) }] },
        {
          matches: [{ headers: [{ value: 'b' }] }, { headers: [{ value: 'b/b' }] }],
          backendRefs: [{ name: poolName('b') }],
          timeouts: { request: '0s', backendRequest: '0s' },
        },
      ],
    });
    expect(supportObjects(specOf(1), context).map(({ kind }) => kind)).not.toContain('HTTPRoute');
  });

  it('hold evictions, of a single replica too, but in a pool whose replica nobody can take the place of', () => {
    const budgetOf = (evictable: Set<string>) =>
      supportObjects(specOf(1), { ...context, evictable }).find(({ kind }) => kind === 'PodDisruptionBudget')?.['spec'];
    expect(budgetOf(new Set())).toMatchObject({ maxUnavailable: 0, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(budgetOf(new Set([sampleIds.pool]))).toMatchObject({ maxUnavailable: 1 });
  });

  it('keep the template, and with it the Deployment, when only the count changes', () => {
    expect(templateHash(group(2), settings)).toBe(templateHash(group(9), settings));
    const { deployment } = group(2);
    const other = { ...group(2), deployment: { ...deployment, slug: 'another/model' } };
    expect(templateHash(other, settings)).not.toBe(templateHash(group(2), settings));
    expect(engineDeployment(group(2), settings, 2).metadata.name).toBe(
      engineDeployment(group(9), settings, 5).metadata.name,
    );
  });

  it.each([
    [{ name: '--shutdown-timeout', unitMs: 1000 }, 600_000, ['--shutdown-timeout=595']],
    [{ name: '--drain-ms', unitMs: 1 }, 2000, ['--drain-ms=1500']],
    [null, 600_000, []],
  ])('give an engine with the flag %j that much of a grace of %i ms', (shutdownFlag, graceMs, expected) => {
    const engine = { ...group(1), profile: { ...group(1).profile, shutdownFlag } };
    const args = JSON.stringify(['--model', modelNames(engine.deployment)[0], ...expected]).slice(1);
    expect(JSON.stringify(engineDeployment(engine, { ...settings, graceMs }, 1))).toContain(args);
  });

  it('leave room for what is there beside the spec, whatever the spec asks for', () => {
    const hard = (scale: number, beside: { pods: number; gpus: number }) => quota(specOf(scale), beside)['spec'];
    expect(hard(2, { pods: 0, gpus: 0 })).toMatchObject({
      hard: { pods: '4', 'requests.nvidia.com/gpu': '4', 'requests.amd.com/gpu': '4' },
    });
    // Four old replicas and one that is ending, while one new one is asked for.
    expect(hard(1, { pods: 5, gpus: 40 })).toMatchObject({ hard: { pods: '6', 'requests.nvidia.com/gpu': '41' } });
  });

  it('are of each deployment’s own engine', () => {
    const [first] = sampleSpec(1).deployments;
    if (first === undefined) throw new Error('the sample has a deployment');
    const second = { ...first, modelId: sampleIds.endpoint, slug: 'b', providerModelId: 'b/b' };
    const third = { ...first, modelId: sampleIds.vpc, slug: 'c', providerModelId: 'c/c' };
    const engineOf = readEngineChoice('sim,b=vllm,c/c=llama-cpp') ?? (() => sim);
    const mixed = { ...settings, engineOf };
    const spec = appliedSpec(sampleSpec(1, { deployments: [first, second, third] }), 42);
    const engines = groupsOf(spec, mixed).map((each) => {
      const { template } = engineDeployment(each, mixed, 1)['spec'] as { template: KubeObject };
      const [container] = (template['spec'] as { containers: Record<string, unknown>[] }).containers;
      return container;
    });
    expect(engines).toMatchObject([
      { image: 'fairway/sim:1', startupProbe: { httpGet: { port: 8000 } }, ports: [{ containerPort: 8000 }] },
      {
        image: 'vllm/vllm-openai-rocm:v0.32.0',
        args: expect.arrayContaining(['b/b', '--served-model-name=b', '--shutdown-timeout=595']),
      },
      {
        image: 'ghcr.io/ggml-org/llama.cpp:server-rocm-b11434',
        args: expect.arrayContaining(['-hf', 'c/c', '--alias', 'c', '8080']),
        ports: [{ containerPort: 8080 }],
      },
    ]);
    expect(engines.map((engine) => JSON.stringify(engine?.['env']).match(/[A-Z_]*API_KEY/)?.[0])).toEqual([
      'FAIRWAY_SIM_API_KEY',
      'VLLM_API_KEY',
      'LLAMA_API_KEY',
    ]);
    const deployments = groupsOf(spec, mixed).map((each) => engineDeployment(each, mixed, 1));
    const open = supportObjects(spec, { ...context, settings: mixed, deployments }).find(
      ({ metadata }) => metadata.name === 'from-routers',
    );
    expect(open?.['spec']).toMatchObject({ ingress: [{ ports: [{ port: 8000 }, { port: 8080 }] }] });
  });

  it('let only engines out that fetch their weights, and them only to where those are', () => {
    const [first] = sampleSpec(1).deployments;
    if (first === undefined) throw new Error('the sample has a deployment');
    const spec = appliedSpec(sampleSpec(1, { deployments: [first, { ...first, modelId: 'b', slug: 'b' }] }), 42);
    const storage = { endpoint: 'http://minio.test:9000', region: 'r', network: '10.1.0.0/16' };
    const out = (engines: string, weights = ''): Record<string, unknown> => {
      const engineOf = readEngineChoice(engines) ?? (() => sim);
      const mixed = { ...settings, engineOf, weightsOf: readWeightChoice(weights) ?? (() => null), storage };
      const deployments = groupsOf(spec, mixed).map((each) => engineDeployment(each, mixed, 1));
      const policies = supportObjects(spec, { ...context, settings: mixed, deployments }).filter(
        ({ metadata }) => metadata.name.startsWith('to-') && metadata.name !== 'to-names',
      );
      return Object.fromEntries(policies.map(({ metadata, spec: rules }) => [metadata.name, rules]));
    };
    const podSelector = { matchExpressions: [{ key: 'fairway.dev/pool', operator: 'In', values: ['b'] }] };
    expect(out('sim')).toEqual({});
    // The metadata service of a cloud, on a link-local address, gives out the node's credentials.
    const outside = [
      { ipBlock: { except: expect.arrayContaining(['169.254.0.0/16']) } },
      { ipBlock: { cidr: '::/0' } },
    ];
    expect(out('sim,b=vllm')).toMatchObject({
      'to-weights': { podSelector, egress: [{ to: outside, ports: [{ port: 443, protocol: 'TCP' }] }] },
    });
    expect(out('sim,b=vllm', 'b=s3://models/b')).toEqual({
      'to-storage': {
        podSelector,
        policyTypes: ['Egress'],
        egress: [{ to: [{ ipBlock: { cidr: '10.1.0.0/16' } }], ports: [{ port: 9000, protocol: 'TCP' }] }],
      },
    });
    for (const mounted of ['b=pvc://nfs/b', 'b=oci://registry.test/b:1'])
      expect(out('sim,b=vllm', mounted)).toEqual({});
  });

  it('let replicas of an older template be reached and fetch their weights until they are replaced', () => {
    const old = engineDeployment({ ...group(1), profile: vllm }, settings, 1);
    const names = (...deployments: KubeObject[]) =>
      supportObjects(specOf(1), { ...context, deployments })
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .map(({ metadata }) => metadata.name);
    const now = engineDeployment({ ...group(1), profile: sglang }, { ...settings, weightsOf: () => mounted }, 1);
    expect(names(now)).not.toContain('to-weights');
    expect(names(now, old)).toContain('to-weights');
    const open = supportObjects(specOf(1), { ...context, deployments: [now, old] });
    expect(JSON.stringify(open.find(({ metadata }) => metadata.name === 'from-routers'))).toContain(
      '"ports":[{"port":8000,"protocol":"TCP"},{"port":30000,"protocol":"TCP"}]',
    );
  });

  it('hold keys of storage where something is fetched with them alone, and nowhere but in the Secret', () => {
    const storageKeys = { keyId: 'storage-id', secret: 'storage-secret' };
    const secret = (deployment: KubeObject) =>
      JSON.stringify(
        supportObjects(specOf(1), {
          ...context,
          secretsOf: () => ({ upstreamKey: 'u', storageKeys }),
          deployments: [deployment],
        }).find(({ kind }) => kind === 'Secret'),
      );
    const weightsOf = () => ({ kind: 'storage', bucketPath: 'models/b', path: '' }) as const;
    const fetching = engineDeployment({ ...group(1), profile: vllm }, { ...settings, weightsOf }, 1);
    const encoded = Buffer.from('storage-secret').toString('base64');
    expect(secret(fetching)).toContain(encoded);
    expect(secret(engineDeployment(group(1), settings, 1))).not.toContain(encoded);
  });

  it('run as Pod Security "restricted" unless any pod, also of an older template, is one that it would refuse', () => {
    const enforced = (...deployments: KubeObject[]): string | undefined =>
      supportObjects(specOf(1), { ...context, deployments })[0]?.metadata.labels?.[
        'pod-security.kubernetes.io/enforce'
      ];
    const unprivileged = engineDeployment(group(1), settings, 1);
    const asRoot = engineDeployment({ ...group(1), profile: vllm }, settings, 1);
    expect(enforced(unprivileged)).toBe('restricted');
    expect(enforced(unprivileged, asRoot)).toBe('baseline');
  });

  it.each([
    ['gpu-h100x1-80gb', '1Gi', 1],
    ['gpu-h100x8-640gb', '20Gi', 8],
  ])('give a replica on %s shared memory of %s, and its engine a volume for its caches', (slug, sizeLimit, gpus) => {
    const engine = { ...group(1), profile: vllm, accelerator: { ...group(1).accelerator, slug } };
    const { template } = engineDeployment(engine, settings, 1)['spec'] as { template: KubeObject };
    expect(template['spec']).toMatchObject({
      volumes: [{ emptyDir: { medium: 'Memory', sizeLimit } }, { name: 'cache', emptyDir: {} }],
      containers: [
        {
          args: expect.arrayContaining([`--tensor-parallel-size=${gpus}`]),
          env: expect.arrayContaining([{ name: 'HF_HOME', value: '/cache/huggingface' }]),
          volumeMounts: [{ mountPath: '/dev/shm' }, { name: 'cache', mountPath: '/cache' }],
        },
      ],
    });
  });

  it('bind replicas to nodes of their size where nodes say which they are', () => {
    const sizeLabel = 'node.kubernetes.io/instance-type';
    const text = JSON.stringify(engineDeployment(group(1), { ...settings, sizeLabel }, 1));
    expect(text).toContain(`"nodeSelector":{"${sizeLabel}":"gpu-mi300x1-192gb"}`);
    expect(JSON.stringify(engineDeployment(group(1), settings, 1))).not.toContain('nodeSelector');
  });

  it('leave secrets out of pods and custom resources', () => {
    const text = JSON.stringify([customResource(specOf(2)), engineDeployment(group(2), settings, 2)]);
    expect(text).not.toContain('hf_secret');
    expect(text).not.toContain('upstream-key');
  });

  it('leave preStop out when there is nothing to wait for', () => {
    const text = JSON.stringify(engineDeployment(group(2), { ...settings, preStopMs: 0 }, 2));
    expect(text).not.toContain('preStop');
  });

  it('tell pools apart whose ids begin alike', () => {
    expect(poolName('01900000-0000-8001-8000-000000000002')).not.toBe(poolName('01900000-0000-8001-8000-000000000003'));
  });

  it('name a model once when slug and provider id are the same', () => {
    const [deployment] = sampleSpec(1).deployments;
    if (deployment === undefined) throw new Error('the sample has a deployment');
    expect(modelNames({ ...deployment, providerModelId: deployment.slug })).toEqual([deployment.slug]);
    expect(modelNames(deployment)).toHaveLength(2);
  });
});
