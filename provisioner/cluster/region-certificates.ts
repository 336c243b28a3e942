import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop, type Loop } from '#shared/runtime/loop.ts';
import { readAuthority, type RegionAuthority } from '#shared/runtime/tls/authority-files.ts';
import { nextLeaf, renewLeaf } from '#shared/runtime/tls/leaf-files.ts';
import type { TlsIdentity } from '#shared/runtime/tls/tls-files.ts';

/** Where the authority lies, and what routers get of it; times in milliseconds. */
export interface CertificateOptions {
  /** Folder of the authority, as `admin ca make` makes it. */
  authorityDir: string;
  /** Folder that routers read their certificate from (`cert.pem`, `key.pem`); left out, none is written. */
  leafDir: string | undefined;
  /** Names that it is for. */
  hosts: readonly string[];
  everyMs: number;
  /** Called when clients should trust other certificates than before. */
  onChange: () => void;
  clock: Clock;
  log: Logger;
}

/** The region's certificates: what clients of private listeners trust, and what routers show them, renewed in time. */
export class RegionCertificates implements AsyncDisposable {
  readonly #options: CertificateOptions;
  readonly #loop: Loop;
  #authority: RegionAuthority;
  #wrong = '';

  private constructor(options: CertificateOptions, authority: RegionAuthority) {
    const { everyMs, clock, log } = options;
    this.#options = options;
    this.#authority = authority;
    this.#loop = startLoop({ name: 'certificates', everyMs, clock, log, immediately: false }, () => this.#look());
  }

  /** @throws ConfigError when there is no authority, or routers' folder cannot be written. */
  static async start(options: CertificateOptions): Promise<RegionCertificates> {
    const authority = await readAuthority(options.authorityDir);
    await renew(options, authority);
    return new RegionCertificates(options, authority);
  }

  /** Certificates in PEM that clients should trust; the one that signs now comes first. */
  published(): readonly string[] {
    return this.#authority.published;
  }

  /** A router's certificate in place of the present one; null while that will do. */
  leafFor(present: TlsIdentity | undefined): Promise<TlsIdentity | null> {
    const { hosts, clock } = this.#options;
    return nextLeaf(present, this.#authority.signer, { hosts, now: clock.now() });
  }

  /** Why the files cannot be taken over as they are; empty when they can. */
  problems(): string[] {
    return this.#wrong === '' ? [] : [this.#wrong];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }

  /** Files that do not fit are told once; what was read before goes on. */
  async #look(): Promise<void> {
    const { authorityDir, log, onChange } = this.#options;
    try {
      const authority = await readAuthority(authorityDir);
      const changed = authority.published.join() !== this.#authority.published.join();
      if (changed) {
        this.#authority = authority;
        onChange();
      }
      await renew(this.#options, authority);
      this.#wrong = '';
    } catch (error) {
      if (String(error) !== this.#wrong) log.error({ reason: String(error) }, 'certificates.failed');
      this.#wrong = String(error);
    }
  }
}

async function renew({ leafDir, hosts, clock, log }: CertificateOptions, { signer }: RegionAuthority): Promise<void> {
  if (leafDir === undefined) return;
  if (await renewLeaf(leafDir, signer, { hosts, now: clock.now() }))
    log.info({ hosts, leafDir }, 'certificates.issued');
}
