import { expect, it } from 'vitest';
import { priorityOf } from './priority.ts';

it('takes each word that is a priority, and nothing for none', () => {
  const words = ['high', 'normal', 'low'];
  expect(words.map((word) => priorityOf({ 'x-fairway-priority': word }))).toEqual(words);
  expect(priorityOf({ 'x-priority': 'high' })).toBeUndefined();
});

it.each(['', 'HIGH', 'urgent', 'high, low'])('refuses %j, and says what there is', (word) => {
  expect(() => priorityOf({ 'x-fairway-priority': word })).toThrow(
    expect.objectContaining({
      code: 'bad_request',
      status: 400,
      publicMessage: 'x-fairway-priority is none of: high, normal, low.',
    }),
  );
});
