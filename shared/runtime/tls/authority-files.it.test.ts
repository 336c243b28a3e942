import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { endAfterEach } from '#shared/testing/started.ts';
import { makeAuthority, readAuthority, rotateAuthority } from './authority-files.ts';

const now = Date.UTC(2026, 0, 1);

describe('the authority in a folder', () => {
  const started = endAfterEach();
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'fairway-ca-'));
    started.defer(() => rm(dir, { recursive: true }));
  });

  it('is made once, its key for its owner alone', async () => {
    await expect(readAuthority(dir)).rejects.toThrow('ca.pem cannot be read');
    await expect(rotateAuthority(dir, 'Fairway', now)).rejects.toThrow('"ca make" makes the first');
    await makeAuthority(dir, 'Fairway', now);
    await expect(makeAuthority(dir, 'Fairway', now)).rejects.toThrow('is there already');
    const { signer, published } = await readAuthority(dir);
    expect(published).toEqual([signer.cert]);
    expect((await stat(join(dir, 'ca-key.pem'))).mode & 0o077).toBe(0);
  });

  it('is rotated in three steps: what signs was shown before, and is shown as long as something of it is about', async () => {
    await makeAuthority(dir, 'Fairway', now);
    const first = (await readAuthority(dir)).signer.cert;
    expect(await rotateAuthority(dir, 'Fairway', now)).toBe('published');
    const { signer, published } = await readAuthority(dir);
    const second = published[1] ?? '';
    expect([signer.cert, published]).toEqual([first, [first, second]]);
    expect(await rotateAuthority(dir, 'Fairway', now)).toBe('changed');
    expect((await readAuthority(dir)).published).toEqual([second, first]);
    expect(await rotateAuthority(dir, 'Fairway', now)).toBe('retired');
    expect((await readAuthority(dir)).published).toEqual([second]);
    expect(await rotateAuthority(dir, 'Fairway', now)).toBe('published');
  });

  it('is not read without what is there and cannot be read', async () => {
    await makeAuthority(dir, 'Fairway', now);
    await mkdir(join(dir, 'previous.pem'));
    await expect(readAuthority(dir)).rejects.toThrow('EISDIR');
  });

  it('goes on with a change that was interrupted', async () => {
    await makeAuthority(dir, 'Fairway', now);
    await rotateAuthority(dir, 'Fairway', now);
    await rename(join(dir, 'next-key.pem'), join(dir, 'ca-key.pem'));
    await expect(readAuthority(dir)).rejects.toThrow('no certificate with its key');
    expect(await rotateAuthority(dir, 'Fairway', now)).toBe('changed');
    expect((await readAuthority(dir)).signer.cert).not.toBe('');
  });
});
