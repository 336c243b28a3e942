import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtinShape } from './builtin-shape.ts';
import { fromFieldsV1, indexFields, mergeFields, removeFields, showField, toFieldsV1 } from './field-sets.ts';
import type { JsonObject } from './object.ts';

const pod = {
  metadata: { labels: { app: 'a' }, finalizers: ['x/y'] },
  spec: {
    containers: [{ name: 'c', args: ['1', '2'], ports: [{ containerPort: 80 }] }],
    nodeSelector: { zone: 'b' },
  },
};
const paths = (value: JsonObject): string[] => [...indexFields(value, builtinShape).keys()].map(showField);

describe('field sets', () => {
  it('names items of keyed lists and sets, and takes atomic ones whole', () => {
    expect(paths(pod)).toEqual([
      '.metadata.labels.app',
      '.metadata.finalizers[="x/y"]',
      '.spec.containers[name="c"]',
      '.spec.containers[name="c"].name',
      '.spec.containers[name="c"].args',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]',
      '.spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort',
      '.spec.nodeSelector',
    ]);
  });

  it('merges items by key and leaves the others alone', () => {
    const patch = { spec: { containers: [{ name: 'd' }, { name: 'c', image: 'i' }], nodeSelector: { disk: 'ssd' } } };
    const merged = mergeFields(pod, patch, builtinShape) as typeof pod;
    expect(merged.spec.containers.map(({ name }) => name)).toEqual(['c', 'd']);
    expect(merged.spec.containers[0]).toMatchObject({ args: ['1', '2'], image: 'i' });
    expect(merged.spec.nodeSelector).toEqual({ disk: 'ssd' });
    expect(merged.metadata.finalizers).toEqual(['x/y']);
  });

  it('removes fields, and containers that become empty by it', () => {
    const finalizer = [...indexFields({ metadata: { finalizers: ['x/y'] } }, builtinShape).keys()];
    expect(removeFields(pod, finalizer)['metadata']).toEqual({ labels: { app: 'a' } });
    expect(pod.metadata.finalizers).toEqual(['x/y']);
  });

  it('takes members that are named as those of every object for what they are', () => {
    const value = JSON.parse('{"constructor":[1],"__proto__":[2],"toString":{"a":3}}') as JsonObject;
    expect(paths(value)).toEqual(['.constructor', '.__proto__', '.toString.a']);
  });

  it('survives the way through FieldsV1, for any object', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const fields = new Set(indexFields(value as JsonObject, builtinShape).keys());
        const clean = [...fields].filter((path) => !path.split('\n').some((element) => !/^[fkv]:/.test(element)));
        expect(fromFieldsV1(toFieldsV1(clean))).toEqual(new Set(clean));
      }),
    );
  });

  it('gives the merged object back when the same is merged again', () => {
    const value = fc.dictionary(fc.constantFrom('a', 'b', 'env', 'args'), fc.jsonValue());
    fc.assert(
      fc.property(value, value, (live, patch) => {
        const once = mergeFields(live as JsonObject, patch as JsonObject, () => 'default');
        expect(mergeFields(once, patch as JsonObject, () => 'default')).toEqual(once);
      }),
    );
  });
});
