import { describe, expect, it } from 'vitest';
import { engineArgumentsSchema, engineNames, engineOffers, isOlder } from '#shared/contract/catalogue/engines.ts';
import { gpuSizes } from '#shared/contract/catalogue/catalog.ts';
import { profiles } from './engine-choice.ts';
import type { EngineStart } from './engine-profile.ts';

const start: EngineStart = {
  port: 8123,
  gpus: 8,
  model: 'a/b',
  weights: { repository: 'org/repo' },
  contextTokens: 4096,
  arguments: {},
};

describe.each([...profiles.values()])('the profile of $name', (profile) => {
  const args = profile.args(start);

  it('listens on the address of its pod alone, and names the model as routers do', () => {
    expect(args.join(' ')).toMatch(/--host[= ]\$\(POD_IP\)/);
    expect(args.join(' ')).toMatch(/(model|model-name|alias)[= ]a\/b/);
  });

  it('starts with the context that is asked for, else with the model’s own', () => {
    expect(args.join(' ')).toContain('4096');
    expect(profile.args({ ...start, contextTokens: undefined })).not.toContain('undefined');
  });

  it('has its key from a variable, and logs no request', () => {
    expect(args.filter((arg) => /key/.test(arg)).every((arg) => arg.includes(`$(${profile.env.apiKey})`))).toBe(true);
    expect(args.join(' ')).not.toMatch(/log-requests|verbose/);
  });

  it('answers probes within a time that Kubernetes can ask for', () => {
    expect(profile.healthPath).toBe('/health');
    expect(profile.healthTimeoutMs % 1000).toBe(0);
  });
});

it.each([...profiles.values()].filter(({ weights }) => weights !== null))(
  '$name reads its weights from the hub or from where they are mounted',
  (profile) => {
    expect(profile.args(start).join(' ')).toContain('org/repo');
    const local = profile.args({ ...start, weights: { path: '/weights/m' } });
    expect(local.join(' ')).toMatch(/(^|--model[= ]|--model-path=)\/weights\/m /);
    expect(local.join(' ')).not.toContain('-hf');
  },
);

describe('the engines that clients may choose', () => {
  it('have each of the arguments that may be set at all, with values that are theirs', () => {
    const offered = Object.values(engineOffers).flatMap((offer) => Object.entries(offer.arguments));
    const { shape } = engineArgumentsSchema;
    expect(new Set(offered.map(([name]) => name))).toEqual(new Set(Object.keys(shape)));
    for (const [name, values] of offered)
      if (values !== 'all')
        for (const value of values) expect(engineArgumentsSchema.safeParse({ [name]: value }).success).toBe(true);
    expect(Object.keys(shape).filter((name) => /key$|host|port|model|log|template|trust|code/.test(name))).toEqual([]);
  });

  it.each(engineNames)(
    '%s has a profile of the same name, whose version is safe and in the form of versions',
    (name) => {
      const { oldest, versionForm, gpuModels } = engineOffers[name];
      const version = profiles.get(name)?.version ?? '';
      expect(version).toMatch(versionForm);
      expect(isOlder(version, oldest.version)).toBe(false);
      const known = new Set(gpuSizes.map(({ model }) => model));
      for (const model of gpuModels) expect(known).toContain(model);
    },
  );
});
