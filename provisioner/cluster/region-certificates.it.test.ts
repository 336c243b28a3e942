import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { makeAuthority, rotateAuthority } from '#shared/runtime/tls/authority-files.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { wildcardOf } from '#shared/runtime/tls/leaf-files.ts';
import { RegionCertificates } from './region-certificates.ts';

const dayMs = 86_400_000;

describe('the certificates of a region', () => {
  const started = endAfterEach();
  let dir: string;
  beforeEach(async () => {
    dir = await started.folder('fairway-certificates-');
  });
  const start = async () => {
    const clock = createTestClock();
    let changes = 0;
    const options = { authorityDir: join(dir, 'ca'), leafDir: join(dir, 'leaf'), hosts: ['*.fairway.example'] };
    const onChange = (): void => void (changes += 1);
    const made = await started.use(
      RegionCertificates.start({ ...options, everyMs: 1000, onChange, clock, log: silentLogger() }),
    );
    return { clock, certificates: made, changes: () => changes };
  };
  const leaf = async (): Promise<X509Certificate> => new X509Certificate(await readFile(join(dir, 'leaf', 'cert.pem')));
  const rotate = (now: number): Promise<string> => rotateAuthority(join(dir, 'ca'), 'Fairway', now);

  it('need an authority', async () => {
    await expect(start()).rejects.toThrow('ca.pem cannot be read');
  });

  it('are issued at once and renewed when a third of their time is left', async () => {
    await makeAuthority(join(dir, 'ca'), 'Fairway', createTestClock().now());
    const { clock } = await start();
    const first = await leaf();
    expect(first.checkHost('abc-private-inference.fairway.example')).toBe('*.fairway.example');
    await clock.advance(19 * dayMs);
    expect((await leaf()).serialNumber).toBe(first.serialNumber);
    await clock.advance(2 * dayMs);
    await eventually(async () => expect((await leaf()).serialNumber).not.toBe(first.serialNumber));
  });

  it('follow a rotation: the next authority is published before it signs, the old one after', async () => {
    const clockStart = createTestClock().now();
    await makeAuthority(join(dir, 'ca'), 'Fairway', clockStart);
    const { clock, certificates, changes } = await start();
    const [old = ''] = certificates.published();
    const step = async (expected: string): Promise<void> => {
      const before = changes();
      expect(await rotate(clock.now())).toBe(expected);
      await eventually(async () => {
        await clock.advance(1000);
        expect(changes()).toBe(before + 1);
      });
    };
    await step('published');
    const [, next = ''] = certificates.published();
    expect((await leaf()).checkIssued(new X509Certificate(old))).toBe(true);
    await step('changed');
    expect(certificates.published()).toEqual([next, old]);
    await eventually(async () => expect((await leaf()).verify(new X509Certificate(next).publicKey)).toBe(true));
    await step('retired');
    expect(certificates.published()).toEqual([next]);
  });

  it('stay as they are while the files do not fit, and say so', async () => {
    await makeAuthority(join(dir, 'ca'), 'Fairway', createTestClock().now());
    const { clock, certificates } = await start();
    const before = certificates.published();
    await writeFile(join(dir, 'ca', 'ca-key.pem'), 'no key');
    await eventually(async () => {
      await clock.advance(1000);
      expect(certificates.problems().join()).toContain('no certificate with its key');
    });
    expect(certificates.published()).toEqual(before);
  });
});

it.each([
  ['dedicated-inference.fairway.localhost', '*.fairway.localhost'],
  ['inference.example.com', '*.example.com'],
])('names below the parent of %s are %s', (domain, wildcard) => {
  expect(wildcardOf(domain)).toBe(wildcard);
});
