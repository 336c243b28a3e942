import { inflateRawSync } from 'node:zlib';

/**
 * The contents of the first entry of a zip archive whose path ends in `/name`, or undefined. Enough for wheels: stored or
 * deflated, no zip64, no encryption. Layout: APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (central directory)
 * and 4.3.16 (its end). The archive's own hash was checked before, so its CRCs are not.
 */
export function unzipEntry(archive, name) {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0) throw new Error('not a zip archive');
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameLength = archive.readUInt16LE(at + 28);
    const entry = archive.toString('utf8', at + 46, at + 46 + nameLength);
    if (entry.endsWith(`/${name}`)) return contents(archive, at);
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return undefined;
}

function contents(archive, central) {
  const method = archive.readUInt16LE(central + 10);
  const size = archive.readUInt32LE(central + 20);
  const local = archive.readUInt32LE(central + 42);
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const packed = archive.subarray(start, start + size);
  if (method === 0) return packed;
  if (method === 8) return inflateRawSync(packed);
  throw new Error(`zip compression method ${method} is not known here`);
}
