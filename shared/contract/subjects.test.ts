import { describe, expect, it } from 'vitest';
import { edgeStreams, lastToken, streams, subjects } from './subjects.ts';

/** Whether a subject falls under a filter with NATS's wildcards. */
function matches(filter: string, subject: string): boolean {
  const [wanted, given] = [filter.split('.'), subject.split('.')];
  if (wanted.at(-1) === '>')
    return (
      given.length >= wanted.length &&
      matches(wanted.slice(0, -1).join('.'), given.slice(0, wanted.length - 1).join('.'))
    );
  return wanted.length === given.length && wanted.every((token, index) => token === '*' || token === given[index]);
}

const streamsOf = (subject: string): string[] =>
  Object.values(streams)
    .filter((stream) => stream.subjects.some((filter) => matches(filter, subject)))
    .map(({ name }) => name);

describe('every document has one stream', () => {
  it.each([
    [subjects.spec('e'), 'DESIRED', subjects.everySpec],
    [subjects.access('v', 'e'), 'DESIRED', subjects.accessOfVpc('v')],
    [subjects.access('v', 'e'), 'DESIRED', subjects.everyAccess],
    [subjects.name('t', 'h'), 'DESIRED', undefined],
    [subjects.status('e'), 'STATUS', subjects.everyStatus],
    [subjects.event('e'), 'EVENTS', undefined],
    [subjects.audit('spec', 'e'), 'AUDIT', undefined],
    [subjects.audit('access', 'e'), 'AUDIT', undefined],
    [subjects.audit('operator', 'r'), 'AUDIT', undefined],
    [subjects.used('e'), 'USED', undefined],
    [subjects.apiToken('h'), 'IDENTITY', subjects.everyApiToken],
    [subjects.team('t'), 'IDENTITY', subjects.everyTeam],
    [subjects.vpc('v'), 'IDENTITY', subjects.everyVpc],
    [subjects.pool('v', 'e', 'p'), 'KV_edge', subjects.poolsOfVpc('v')],
    [subjects.pool('v', 'e', 'p'), 'KV_edge', subjects.poolsOfEndpoint('v', 'e')],
    [subjects.router('v', 'r'), 'KV_infra', subjects.routersOfVpc('v')],
    [subjects.lease('v', 3), 'KV_leases', subjects.leasesOfVpc('v')],
    [subjects.member('v', 'i'), 'KV_leases', subjects.membersOfVpc('v')],
    [subjects.quarantine('v', 'e'), 'KV_infra', subjects.quarantinesOfVpc('v')],
    [subjects.cluster('v'), 'KV_infra', undefined],
    [subjects.word('v', 'e'), 'KV_infra', undefined],
    [subjects.resource('v', 'k'), 'KV_infra', undefined],
  ])('%s is in %s', (subject, stream, filter) => {
    expect(streamsOf(subject)).toEqual([stream]);
    if (filter !== undefined) expect(matches(filter, subject)).toBe(true);
  });

  it.each([subjects.drain('v', 'r'), subjects.command('t', 'atl1', 'create'), subjects.teamEvent('t', 'atl1', 'e')])(
    '%s is in none: it is said, not kept',
    (subject) => expect(streamsOf(subject)).toEqual([]),
  );
});

it('filters tell apart what belongs to others', () => {
  expect(matches(subjects.accessOfVpc('v'), subjects.access('w', 'e'))).toBe(false);
  expect(matches(subjects.poolsOfVpc('v'), subjects.pool('w', 'e', 'p'))).toBe(false);
  expect(matches(subjects.poolsOfEndpoint('v', 'e'), subjects.pool('v', 'f', 'p'))).toBe(false);
  expect(matches(subjects.commandsOfRegion('atl1'), subjects.command('t', 'nyc2', 'get'))).toBe(false);
  expect(matches(subjects.everyDrain, subjects.drain('v', 'r'))).toBe(true);
});

it('streams of documents keep one message per subject and refuse what has no room', () => {
  for (const stream of Object.values(streams)) {
    expect(stream.maxMessageBytes).toBeLessThanOrEqual(1024 * 1024);
    expect('bucket' in stream ? stream.subjects : [`$KV.${stream.name.replace('KV_', '')}.>`]).toEqual([
      `$KV.${stream.name.replace('KV_', '')}.>`,
    ]);
    if (stream.keep === 'log') expect(stream).toHaveProperty('maxAgeMs');
  }
});

it('the last token of a subject is its id', () => {
  expect(lastToken(subjects.access('v', 'e'))).toBe('e');
  expect(lastToken('plain')).toBe('plain');
});

it.each([edgeStreams.access('v'), edgeStreams.pools('v')])('$name mirrors documents of its VPC alone', (mirror) => {
  expect(streamsOf(mirror.from.replace(/[>*]$/, 'e'))).toEqual([mirror.origin.name]);
  expect(mirror.from).toContain('.v.');
});
