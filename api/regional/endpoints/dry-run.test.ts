import { describe, expect, it } from 'vitest';
import { dryRunReplySchema } from '#shared/contract/dry-run.ts';
import { specDocument, statusDocument } from '#shared/testing/documents.ts';
import { dryRunAnswer } from './dry-run.ts';

describe('the answer to a dry run', () => {
  const context = { view: { all: () => [] }, address: { scheme: 'https' as const } };
  const spec = specDocument();
  const [model] = spec.deployments;
  const status = statusDocument({ endpointId: spec.endpointId });

  it('of a create shows a new endpoint at revision 0', () => {
    const { status: code, revision, body } = dryRunAnswer(context, spec, null);
    expect([code, revision]).toEqual([200, null]);
    const { dedicated_inference: shown } = dryRunReplySchema.parse(body);
    expect(shown).toMatchObject({ status: 'new', revision: 0, observed_revision: 0 });
    expect([shown.spec, shown.pending_deployment_spec?.version]).toEqual([undefined, 1]);
  });

  it('of a change shows it as pending beside what is live, at the revision that is stored', () => {
    const { version, name, enablePublicEndpoint, deployments, createdAt, updatedAt } = spec;
    const live = { revision: 7, version, name, enablePublicEndpoint, deployments, createdAt, updatedAt };
    const before = { spec, revision: 7, status: { ...status, state: 'active' as const, observedRevision: 7, live } };
    const next = { ...spec, version: 2, deployments: model ? [model, { ...model, slug: 'another' }] : [] };
    const changed = dryRunAnswer(context, next, before);
    expect([changed.revision, changed.body.dedicated_inference]).toMatchObject([
      7,
      { status: 'updating', revision: 7, spec: { version: 1 }, pending_deployment_spec: { version: 2 } },
    ]);
    const same = dryRunAnswer(context, spec, before).body.dedicated_inference;
    expect([same.status, same.pending_deployment_spec]).toEqual(['active', undefined]);
  });
});
