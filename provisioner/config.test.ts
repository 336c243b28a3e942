import { expect, it } from 'vitest';
import { readProvisionerConfig } from './config.ts';

const env = {
  FAIRWAY_NATS_URL: 'nats://127.0.0.1:4222',
  FAIRWAY_CLUSTERS: '01900000-0000-4000-8000-0000000000aa=a/kubeconfig, 01900000-0000-4000-8000-0000000000bb=b=c',
  FAIRWAY_PROVISIONER_KEY: Buffer.alloc(32).toString('base64url'),
};

it('takes defaults, and a name that NATS accepts', () => {
  const config = readProvisionerConfig(env);
  expect(config).toMatchObject({ FAIRWAY_DRAIN_TIMEOUT_MS: 600_000, FAIRWAY_RESYNC_MS: 60_000, FAIRWAY_SHARDS: 16 });
  expect(config).toMatchObject({ FAIRWAY_REPROVE_MS: 300_000, FAIRWAY_REPROVE_FAILURES: 3 });
  expect(config.FAIRWAY_CLUSTERS).toEqual([
    { vpcId: '01900000-0000-4000-8000-0000000000aa', kubeconfigPath: 'a/kubeconfig' },
    { vpcId: '01900000-0000-4000-8000-0000000000bb', kubeconfigPath: 'b=c' },
  ]);
  expect(config.FAIRWAY_INSTANCE_ID).toMatch(/^[A-Za-z0-9_-]+$/);
});

it('says everything that is wrong at once', () => {
  const broken = { ...env, FAIRWAY_PROVISIONER_KEY: 'short', FAIRWAY_CLUSTERS: 'x', FAIRWAY_INSTANCE_ID: 'a.b' };
  expect(() => readProvisionerConfig(broken)).toThrow(
    /CLUSTERS: must be <VPC id>[^]*INSTANCE_ID[^]*PROVISIONER_KEY: must be 32 bytes/,
  );
});

it('refuses half a key of the storage', () => {
  const half = { ...env, FAIRWAY_S3_ACCESS_KEY_ID: 'some-key-id' };
  expect(() => readProvisionerConfig(half)).toThrow(/FAIRWAY_S3_SECRET_ACCESS_KEY: is not set/);
  const whole = { ...half, FAIRWAY_S3_SECRET_ACCESS_KEY: 'some-secret' };
  expect(readProvisionerConfig(whole)).toMatchObject({ FAIRWAY_S3_ACCESS_KEY_ID: 'some-key-id' });
});

it.each(['', 'x=y', '01900000-0000-4000-8000-0000000000aa', '01900000-0000-4000-8000-0000000000aa=', 'twice'])(
  'refuses the clusters %j',
  (text) => {
    const one = '01900000-0000-4000-8000-0000000000aa=k';
    const broken = { ...env, FAIRWAY_CLUSTERS: text === 'twice' ? `${one},${one}` : text };
    expect(() => readProvisionerConfig(broken)).toThrow('FAIRWAY_CLUSTERS');
  },
);
