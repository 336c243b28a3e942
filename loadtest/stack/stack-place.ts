/** The one VPC and region of a stack. */
export const stackPlace = { region: 'atl1', vpcId: '00000000-0000-4000-8000-0000000000a1', team: 'demo' } as const;
