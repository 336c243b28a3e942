import { expect, it } from 'vitest';
import { readProvisionerConfig } from './config.ts';

const env = {
  FAIRWAY_NATS_URL: 'nats://127.0.0.1:4222',
  FAIRWAY_KUBECONFIG: 'kubeconfig',
  FAIRWAY_VPC_ID: '01900000-0000-4000-8000-0000000000aa',
  FAIRWAY_PROVISIONER_KEY: Buffer.alloc(32).toString('base64url'),
};

it('takes defaults, and a name that NATS accepts', () => {
  const config = readProvisionerConfig(env);
  expect(config).toMatchObject({ FAIRWAY_DRAIN_TIMEOUT_MS: 600_000, FAIRWAY_RESYNC_MS: 60_000, FAIRWAY_SHARDS: 16 });
  expect(config).toMatchObject({ FAIRWAY_REPROVE_MS: 300_000, FAIRWAY_REPROVE_FAILURES: 3 });
  expect(config.FAIRWAY_INSTANCE_ID).toMatch(/^[A-Za-z0-9_-]+$/);
});

it('says everything that is wrong at once', () => {
  const broken = { ...env, FAIRWAY_PROVISIONER_KEY: 'short', FAIRWAY_VPC_ID: 'x', FAIRWAY_INSTANCE_ID: 'a.b' };
  expect(() => readProvisionerConfig(broken)).toThrow(/VPC_ID[^]*INSTANCE_ID[^]*PROVISIONER_KEY: must be 32 bytes/);
});
