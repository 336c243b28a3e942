import { expect, it } from 'vitest';
import { teamDocumentSchema, vpcDocumentSchema } from './identity.ts';

const createdAt = '2026-11-26T12:00:00.000Z';
const vpc = { v: 1, vpcId: '00000000-0000-4000-8000-0000000000a1', region: 'atl1', teams: ['demo'], createdAt };

it('a VPC is of a region and of at least one team', () => {
  expect(vpcDocumentSchema.parse(vpc)).toEqual(vpc);
  for (const wrong of [{ teams: [] }, { teams: ['no team'] }, { region: 'nowhere' }, { vpcId: 'x' }, { v: 2 }])
    expect(vpcDocumentSchema.safeParse({ ...vpc, ...wrong }).success).toBe(false);
});

it('the name of a team is one token of a subject', () => {
  expect(teamDocumentSchema.safeParse({ v: 1, team: 'a.b', createdAt }).success).toBe(false);
  expect(teamDocumentSchema.safeParse({ v: 1, team: 'a-b', createdAt }).success).toBe(true);
});
