import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

/** Decoders by content encoding; each gives out what it has as soon as it has it, so that a stream stays one. */
const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  'x-gzip': () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ flush: constants.ZSTD_e_flush }),
};

/** Who takes the plain bytes. */
export interface DecodedTo {
  data(chunk: Buffer): void;
  /** What was written is taken: more may come. */
  drain(): void;
  end(): void;
  fail(reason: string): void;
}

/** Undoes the encoding of an answer that was asked for without one: some proxies before engines compress whatever is asked. */
export class BodyDecoder implements Disposable {
  readonly #stream: Transform;

  constructor(stream: Transform, to: DecodedTo) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => to.data(chunk));
    stream.on('drain', () => to.drain());
    stream.on('end', () => to.end());
    stream.on('error', (error) => to.fail(error.message));
  }

  /** Undefined for an encoding that is not known here; such an answer is relayed under its label. */
  static of(encoding: string, to: DecodedTo): BodyDecoder | undefined {
    const make = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined;
    return make && new BodyDecoder(make(), to);
  }

  /** False asks to wait for `drain`. */
  write(chunk: Buffer): boolean {
    return this.#stream.write(chunk);
  }

  end(): void {
    this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  [Symbol.dispose](): void {
    this.#stream.destroy();
  }
}
