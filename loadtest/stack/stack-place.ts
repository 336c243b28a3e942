/** The region of a stack, its team and the VPC that endpoints take when they name none. */
export const stackPlace = { region: 'atl1', vpcId: vpcIdOf(0), team: 'demo' } as const;

/** The id of each VPC of the region; the first is the default one. */
export function vpcIdOf(vpc: number): string {
  return `00000000-0000-4000-8000-${(0xa1 + vpc).toString(16).padStart(12, '0')}`;
}
