/**
 * The stamp of a stream, in its metadata. It tells a stream from another one of the same name: one that was deleted and
 * made again, or restored from a copy.
 */
export interface StreamStamp {
  region: string;
  /** Random, made with the stream. */
  id: string;
  /** When an operator last said that this stream is right as it is, milliseconds since the epoch; 0 = never. */
  adoptedAt: number;
}

/** What a reader remembers of a stream. */
export interface StreamReading extends StreamStamp {
  lastSeq: number;
}

/** The stamp as metadata of a stream. */
export function stampMetadata(stamp: StreamStamp): Record<string, string> {
  return { 'fairway.region': stamp.region, 'fairway.stamp': stamp.id, 'fairway.adopted': String(stamp.adoptedAt) };
}

/** Stamps a stream that has no stamp yet; `newId` gives a random text. */
export function stampFor(region: string, newId: () => string) {
  return (metadata?: Readonly<Record<string, string>>): Record<string, string> =>
    stampMetadata(readStamp(metadata) ?? { region, id: newId(), adoptedAt: 0 });
}

/** What a process of this region objects to in a stream's metadata. */
export function foreignStamp(region: string) {
  return (metadata?: Readonly<Record<string, string>>): string | undefined => {
    const stamp = readStamp(metadata);
    if (stamp === undefined) return 'carries no stamp';
    return stamp.region === region ? undefined : `belongs to region ${stamp.region}, not to ${region}`;
  };
}

/** The stamp in a stream's metadata; undefined when it has none. */
export function readStamp(metadata: Readonly<Record<string, string>> = {}): StreamStamp | undefined {
  const { 'fairway.region': region, 'fairway.stamp': id, 'fairway.adopted': adopted } = metadata;
  if (region === undefined || id === undefined) return undefined;
  return { region, id, adoptedAt: Number(adopted ?? 0) };
}

/**
 * Whether what is in a stream counts: also what is *not* in it, for a reader that has read it before. Who has read none yet
 * believes what it finds; afterwards it must be the same stream, and not shorter, or adopted by an operator since.
 */
export function believes(remembered: StreamReading | undefined, seen: StreamReading): boolean {
  if (remembered === undefined || seen.adoptedAt > remembered.adoptedAt) return true;
  return seen.id === remembered.id && seen.lastSeq >= remembered.lastSeq;
}
