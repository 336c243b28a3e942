import { describe, expect, it } from 'vitest';
import { createSealKeys, open, seal } from './seal.ts';

const flip = (text: string, at: number): string => {
  const bytes = Buffer.from(text, 'base64url');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString('base64url');
};

describe('sealing', () => {
  it('opens what was sealed, and looks different each time', async () => {
    const { publicKey, privateKey } = await createSealKeys();
    for (const text of ['', 'hf_token', 'ünïcödé 🔑', 'x'.repeat(10_000)]) {
      const sealed = await seal(text, 'endpoint-1', publicKey);
      expect(await open(sealed, 'endpoint-1', privateKey)).toBe(text);
      expect(await seal(text, 'endpoint-1', publicKey)).not.toEqual(sealed);
      if (text !== '') expect(JSON.stringify(sealed)).not.toContain(text);
    }
  });

  it('opens for no other endpoint and with no other key', async () => {
    const { publicKey, privateKey } = await createSealKeys();
    const other = await createSealKeys();
    const sealed = await seal('secret', 'endpoint-1', publicKey);
    await expect(open(sealed, 'endpoint-2', privateKey)).rejects.toThrow();
    await expect(open(sealed, '', privateKey)).rejects.toThrow();
    await expect(open(sealed, 'endpoint-1', other.privateKey)).rejects.toThrow();
  });

  it('opens nothing of which a bit was changed', async () => {
    const { publicKey, privateKey } = await createSealKeys();
    const sealed = await seal('secret', 'c', publicKey);
    for (let at = 0; at < Buffer.from(sealed.ct, 'base64url').length; at += 1)
      await expect(open({ ...sealed, ct: flip(sealed.ct, at) }, 'c', privateKey)).rejects.toThrow();
    for (const at of [0, 15, 30])
      await expect(open({ ...sealed, enc: flip(sealed.enc, at) }, 'c', privateKey)).rejects.toThrow();
    await expect(open({ enc: '', ct: sealed.ct }, 'c', privateKey)).rejects.toThrow();
    await expect(open({ enc: sealed.enc, ct: '' }, 'c', privateKey)).rejects.toThrow();
  });

  it('refuses a key that is none', async () => {
    await expect(seal('secret', 'c', 'short')).rejects.toThrow();
    const sealed = await seal('secret', 'c', (await createSealKeys()).publicKey);
    await expect(open(sealed, 'c', '')).rejects.toThrow();
  });
});
