import { expect, it } from 'vitest';
import { sessionOf } from './session.ts';

const all = { 'x-chat': 'own', 'x-session-id': 'any', 'x-claude-code-session-id': 'claude', cookie: 'c' };

it.each([
  ['the header of the endpoint', all, 'own'],
  ['x-session-id', { ...all, 'x-chat': undefined }, 'any'],
  ['Claude Code’s header', { 'x-claude-code-session-id': 'claude', 'x-session-id': '' }, 'claude'],
  ['the body', { 'x-chat': '' }, 'said'],
])('a conversation has its name from %s', (_, headers, name) => {
  expect(sessionOf(headers, { own: 'x-chat', said: 'said' })).toBe(name);
});

it('a conversation that nobody names has none', () => {
  expect(sessionOf({ 'x-chat': 'own' }, { own: undefined, said: undefined })).toBeUndefined();
});
