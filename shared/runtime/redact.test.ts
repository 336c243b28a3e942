import { describe, expect, it } from 'vitest';
import { redactText } from './redact.ts';

describe('masking by form', () => {
  it.each([
    ['nats://user:pass@host:4222', 'nats://***@host:4222'],
    ['see https://x@y and redis://:p@z', 'see https://***@y and redis://***@z'],
    ['https://host/path', 'https://host/path'],
    [`"fairwayproof_${'a'.repeat(30)}.${'b'.repeat(30)}"`, '"fairwayproof_***"'],
    [`"fairwayproof_${'a'.repeat(30)}"`, '"fairwayproof_***"'],
    ['-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nmore', '***\nmore'],
    ['{"a":"-----BEGIN EC PRIVATE KEY-----\\nabc…","b":1}', '{"a":"***","b":1}'],
  ])('%s', (text, shown) => {
    expect(redactText(text)).toBe(shown);
  });

  const length = 400_000;
  it.each([
    ['letters', 'a'],
    ['schemes', 'a:'],
    ['beginnings of addresses', 'a://'],
    ['beginnings of tokens', 'fairway_'],
    ['beginnings of proofs', '-fairwayproof_'],
    ['bearers', 'bearer '],
    ['spaces behind a bearer', ' '],
    ['keys of providers', '-sk-hf_'],
    ['beginnings of keys', '-----BEGIN PRIVATE KEY-----'],
    ['beginnings of names of keys', '-----BEGIN A '],
  ])('takes time by the length of a line alone: %s', (_what, piece) => {
    const startedAt = performance.now();
    redactText(`bearer ${piece.repeat(length / piece.length)}`);
    // A form that is quadratic takes a minute here, one that is linear some milliseconds.
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});
