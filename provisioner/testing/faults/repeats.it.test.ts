import type { JsMsg } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { ProvisionerContext } from '../../service.ts';
import type { ProvisionerLab } from '../provisioner-lab.ts';
import { instead, withMessages } from './external-calls.ts';
import { newEndpoint, operations, untilDone } from './operations.ts';
import { startStandInLab } from './stand-in-lab.ts';

const { binaries, unless } = await findKubelab('a real kube-apiserver for repeated intents');
const times = 10;
/** `FAIRWAY_SEED` repeats a run. */
const seed = Number(process.env['FAIRWAY_SEED'] ?? Math.floor(Math.random() * 1e6));

/** Delivers each intent that it is told of ten times, and keeps it. */
function repeating(kept: JsMsg[]): Pick<ProvisionerContext, 'wrapNats'> {
  async function* change(messages: AsyncIterable<JsMsg>): AsyncGenerator<JsMsg> {
    for await (const message of messages) {
      kept.push(message);
      for (let time = 0; time < times; time += 1) yield message;
    }
  }
  return { wrapNats: (nats) => withMessages(nats, change) };
}

/** Delivers these first, as a stream that has lost its order would. */
function replaying(first: readonly JsMsg[]): Pick<ProvisionerContext, 'wrapNats'> {
  async function* change(messages: AsyncIterable<JsMsg>): AsyncGenerator<JsMsg> {
    for (const message of first) yield instead(message, { ack() {} });
    yield* messages;
  }
  return { wrapNats: (nats) => withMessages(nats, change) };
}

/** Versions of everything that endpoints are made of, and what is told of them. */
async function versionsOf(lab: ProvisionerLab, specs: readonly SpecDocument[]): Promise<string[]> {
  const all = specs.map(async ({ endpointId }) => [
    ...(await lab.objects(endpointId)).map(
      ({ kind, metadata }) => `${kind}/${metadata.name} ${metadata.resourceVersion}`,
    ),
    JSON.stringify([await lab.status(endpointId), await lab.pools(endpointId)]),
  ]);
  return (await Promise.all(all)).flat().toSorted();
}

async function repeatEverything(lab: ProvisionerLab): Promise<void> {
  const kept: JsMsg[] = [];
  let specs = [newEndpoint(lab), newEndpoint(lab), newEndpoint(lab)];
  {
    await using _first = await lab.start({}, repeating(kept));
    for (const { name, after } of operations) {
      // One of them lives on.
      specs = specs.map((spec, index) => (name === 'delete' && index === 0 ? spec : after(spec)));
      const changed = specs.filter((_, index) => name !== 'delete' || index > 0);
      await Promise.all(changed.map(async (spec) => untilDone(lab, spec, await lab.publish(spec))));
    }
  }
  expect(kept).toHaveLength(specs.length * operations.length - 1);
  const random = seededRandom(seed);
  const shuffled = Array.from({ length: times }, () => kept)
    .flat()
    .map((message) => ({ message, order: random() }))
    .toSorted((left, right) => left.order - right.order)
    .map(({ message }) => message);
  let before = await versionsOf(lab, specs);
  await eventually(async () => {
    const now = await versionsOf(lab, specs);
    const same = now.join() === before.join();
    before = now;
    expect(same).toBe(true);
  });
  // It knows nothing yet: whatever comes first is news to it, also what is long over.
  await using _second = await lab.start({}, replaying(shuffled));
  const last = newEndpoint(lab);
  await untilDone(lab, last, await lab.publish(last));
  expect(await versionsOf(lab, specs), `seed ${seed}`).toEqual(before);
  for (const { endpointId } of specs.slice(1))
    expect([await lab.leftovers(endpointId), await lab.pools(endpointId)]).toEqual([[], []]);
}

it('every intent ten times and in any order is as good as once', async () => {
  await using lab = await startStandInLab({ nodes: 3 });
  await repeatEverything(lab);
});

describe('on a real API server', unless, () => {
  it('every intent ten times and in any order is as good as once', async () => {
    await using lab = await startStandInLab({ nodes: 3, binaries });
    await repeatEverything(lab);
  }, 120_000);
});
