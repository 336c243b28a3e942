import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../clone.ts';

/** The part of V8's profile that is read (Chrome DevTools Protocol, Profiler.Profile); times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** What a function took by itself. */
export interface SelfTime {
  readonly name: string;
  readonly place: string;
  readonly us: number;
  /** Of all time that was not idle. */
  readonly share: number;
}

/** The functions of a profile by what they took between two times, the most first; what is idle is left out. */
export function selfTimes(profile: CpuProfile, { from, to }: { from: number; to: number }): SelfTime[] {
  const byId = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
  const sums = new Map<string, { name: string; place: string; us: number }>();
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index + 1] ?? 0;
    at += profile.timeDeltas[index] ?? 0;
    const frame = byId.get(id);
    if (frame === undefined || at < from || at > to || frame.functionName === '(idle)') continue;
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
    const place = placeOf(frame.url, frame.lineNumber);
    const key = `${name} ${place}`;
    const sum = sums.get(key) ?? { name, place, us: 0 };
    sum.us += us;
    sums.set(key, sum);
  }
  const all = [...sums.values()];
  const total = all.reduce((sum, { us }) => sum + us, 0);
  return all.map((one) => ({ ...one, share: one.us / total })).toSorted((a, b) => b.us - a.us);
}

/** What rooms and packages took, the most first: a function counts for where it stands. */
export function byRoom(times: readonly SelfTime[]): { room: string; us: number; share: number }[] {
  const sums = new Map<string, { room: string; us: number; share: number }>();
  for (const { name, place, us, share } of times) {
    const room = roomOf(name, place);
    const sum = sums.get(room) ?? { room, us: 0, share: 0 };
    sums.set(room, { room, us: sum.us + us, share: sum.share + share });
  }
  return [...sums.values()].toSorted((a, b) => b.us - a.us);
}

function roomOf(name: string, place: string): string {
  if (place === '') return name.startsWith('write') ? 'writes' : name.startsWith('(') ? name : 'native';
  const found = /node_modules\/((?:@[^/]+\/)?[^/]+)|(node:)(?:internal\/)?_?[a-z]+|(wasm):|^(.*)\/[^/]+$/.exec(place);
  const [, npm, node, wasm, room = place] = found ?? [];
  return npm ?? (node === undefined ? (wasm ?? room) : (found?.[0] ?? ''));
}

function placeOf(url: string, line: number): string {
  if (url === '') return '';
  const path = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  return `${path.replace(/^.*node_modules/, 'node_modules')}:${line + 1}`;
}
