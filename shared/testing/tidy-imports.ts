import path from 'node:path/posix';
import type { TidyFile } from './tidy-files.ts';
import type { TidyRule } from './tidy-layout.ts';

/** Folders with a composition root: the files at their root are wired from above, and everything else lives in a room. */
const composed =
  /^(api\/central|api\/regional|provisioner|router|loadtest\/(?:sim|cluster\/kubelet|cluster|stack))\/(?:(.*)\/)?[^/]+$/;
const importing = /^\s*(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\('([^']+)'\)/gm;
const tests = /\.(test|contract|bench)\.ts$|\/testing\/|^loadtest\/(e2e|bench|workload|scenarios)\//;
const started =
  /(^|\/)main\.ts$|^setup|^\.config\/|^knip\.config\.ts$|^(k8s|docs)\/write-[a-z]+\.ts$|^loadtest\/virtual\/(run|marks)\.ts$/;
const mostInRoom = 20;

/** Who imports whom. Type-only imports count, which the linter's rule about circles leaves out. */
type Imports = ReadonlyMap<string, readonly string[]>;

function importsOf(files: readonly TidyFile[]): Imports {
  const sources = files.filter((file) => /\.(ts|tsx|mjs)$/.test(file.name));
  const names = new Set(sources.map((file) => file.name));
  const resolved = (file: TidyFile): string[] =>
    [...file.text.matchAll(importing)]
      .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
      .map((target) => (target.startsWith('#') ? target.slice(1) : path.join(path.dirname(file.name), target)))
      .filter((target) => names.has(target));
  return new Map(sources.map((file) => [file.name, resolved(file)]));
}

/** The shortest way from `start` back to itself, if there is one: breadth first. */
function circleThrough(start: string, imports: Imports): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const waiting = [start];
  for (let from = waiting.shift(); from !== undefined; from = waiting.shift()) {
    for (const to of imports.get(from) ?? []) {
      if (!cameFrom.has(to)) waiting.push(to);
      if (!cameFrom.has(to)) cameFrom.set(to, from);
      if (to !== start) continue;
      const way = [from];
      while (way[0] !== undefined && way[0] !== start) way.unshift(cameFrom.get(way[0]) ?? start);
      return way;
    }
  }
  return undefined;
}

/** Each circle once, however many of its members lead to it. */
function circles(imports: Imports): string[] {
  const found = [...imports.keys()].flatMap((name) => {
    const way = circleThrough(name, imports);
    return way ? [{ key: way.toSorted().join(' '), way: [...way, name].join(' → ') }] : [];
  });
  return [...new Map(found.map(({ key, way }) => [key, way])).values()];
}

export const noImportCircles: TidyRule = (files) =>
  circles(importsOf(files)).map((way) => `${way}: a circle; move what both need into a file of its own`);

/** Rooms of one process import each other in one direction: then each can be read, and moved, without the others. */
export const noRoomCircles: TidyRule = (files) => {
  const rooms = new Map<string, string[]>();
  for (const [name, targets] of importsOf(files)) {
    const [, process, room] = composed.exec(name) ?? [];
    if (process === undefined || room === undefined || tests.test(name)) continue;
    const others = targets
      .filter((target) => target.startsWith(`${process}/`) && composed.exec(target)?.[2] !== undefined)
      .map((target) => path.dirname(target));
    const from = path.dirname(name);
    rooms.set(from, [...(rooms.get(from) ?? []), ...others.filter((other) => other !== from)]);
  }
  return circles(rooms).map((way) => `${way}: rooms in a circle; let one of them import only downwards`);
};

/** What a room needs of its process's root comes in through parameters. */
export const noUpwardImports: TidyRule = (files) =>
  [...importsOf(files)].flatMap(([name, targets]) => {
    const [, process, room] = composed.exec(name) ?? [];
    if (process === undefined || room === undefined || tests.test(name)) return [];
    return targets
      .filter((target) => path.dirname(target) === process)
      .map((target) => `${name}: imports ${target}, which lies above it; pass in what it needs`);
  });

export const smallRooms: TidyRule = (files) => {
  const rooms = Map.groupBy(
    files.filter((file) => /\.(ts|mjs)$/.test(file.name) && !/\.(test|contract|bench)\.ts$/.test(file.name)),
    (file) => path.dirname(file.name),
  );
  return [...rooms]
    .filter(([, sources]) => sources.length > mostInRoom)
    .map(
      ([room, sources]) => `${room}: ${sources.length} sources, at most ${mostInRoom}; give a part a room of its own`,
    );
};

/** A reader of the product meets nothing that only tests use. */
export const testSupportInTesting: TidyRule = (files) => {
  const imports = importsOf(files);
  const importers = new Map<string, string[]>();
  for (const [name, targets] of imports) {
    for (const target of targets) importers.set(target, [...(importers.get(target) ?? []), name]);
  }
  return [...imports.keys()]
    .filter((name) => !tests.test(name) && !started.test(name))
    .filter((name) => (importers.get(name) ?? []).every((importer) => tests.test(importer)))
    .map((name) => `${name}: only tests use it; it belongs into a folder testing/`);
};
