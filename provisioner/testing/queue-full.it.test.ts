import { expect, it } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProvisionerLab } from './provisioner-lab.ts';

it('counts what its queue has no room for', async () => {
  await using lab = await startProvisionerLab();
  // The cluster's own key takes the one place.
  await using provisioner = await lab.start({ FAIRWAY_KEYS_MAX: '1' });
  for (let index = 0; index < 3; index += 1) await lab.publish(lab.newSpec());
  await eventually(
    async () => {
      const text = await (await fetch(`${provisioner.url}/metrics`)).text();
      expect(text).toMatch(/^fairway_provisioner_queue_refused_total(\{.*\})? [1-9]/m);
    },
    { timeoutMs: 30_000 },
  );
});
