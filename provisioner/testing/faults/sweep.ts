import type { SpecDocument } from '#shared/contract/desired.ts';
import type { ProvisionerLab } from '../provisioner-lab.ts';
import type { ProvisionerContext } from '../../service.ts';
import type { ChoosePoints, CrashPoint } from './crash-point.ts';
import { newEndpoint, operations, pictureOf, untilDone } from './operations.ts';

/** An endpoint with a change, and the point of it at which its provisioner dies. */
export interface Doomed {
  spec: SpecDocument;
  /** 0 until it is published. */
  revision: number;
  /** Undefined: nothing happens to it, and all others have to become what it is. */
  point: CrashPoint | undefined;
}

/** How a provisioner dies. */
export interface WayToDie {
  /** Publishes the changes and lets it die at their points; gives how many points were reached. */
  die(endpoints: readonly Doomed[]): Promise<number>;
  /** What its successor starts with. */
  successor(): Partial<ProvisionerContext>;
  /** Writes that the API server has taken for an endpoint in its life, where they are counted. */
  writesOf?(spec: SpecDocument): string[];
}

/** How one operation stood its crashes. */
export interface SweepResult {
  operation: string;
  points: number;
  /** Points at which something really died; an operation may be over before it comes to its last ones. */
  died: number;
  /** Points of which all came to the same end, with at most one more write. */
  converged: number;
  /** Most that a crash cost, in writes to the API server, where they are counted. */
  moreWrites?: number;
  /** Everything that did not, in words. */
  problems: string[];
}

/**
 * Lets provisioners die at points of every operation, an endpoint for each, in the way that is theirs, then starts another
 * one and looks that all come to what an endpoint without a crash is.
 */
export async function sweep(
  lab: ProvisionerLab,
  { calls, choose }: { calls: ReadonlyMap<string, number>; choose: ChoosePoints },
  nextWay: () => WayToDie,
): Promise<SweepResult[]> {
  const points = operations.map(({ name }) => choose(calls.get(name) ?? 0));
  const most = Math.max(...points.map(({ length }) => length));
  let specs = Array.from({ length: most + 1 }, () => newEndpoint(lab));
  const results: SweepResult[] = [];
  for (const [index, { name, after }] of operations.entries()) {
    specs = specs.map(after);
    const endpoints = specs.map((spec, at): Doomed => ({ spec, revision: 0, point: points[index]?.[at] }));
    const way = nextWay();
    const died = await way.die(endpoints);
    results.push({ operation: name, died, ...(await recover(lab, endpoints, way)) });
  }
  return results;
}

async function recover(
  lab: ProvisionerLab,
  endpoints: readonly Doomed[],
  way: WayToDie,
): Promise<Omit<SweepResult, 'operation' | 'died'>> {
  await using _successor = await lab.start({}, way.successor());
  const model = endpoints.find(({ point }) => point === undefined);
  if (model === undefined) throw new Error('every endpoint has died: none is left to compare with');
  await untilDone(lab, model.spec, model.revision);
  const wanted = await pictureOf(lab, model.spec);
  const writes = way.writesOf?.(model.spec).length ?? 0;
  const problems: string[] = [];
  let [points, converged, moreWrites] = [0, 0, 0];
  for (const { spec, revision, point } of endpoints) {
    if (point === undefined) continue;
    points += 1;
    try {
      await untilDone(lab, spec, revision);
      const picture = await pictureOf(lab, spec);
      if (picture !== wanted) throw new Error(`it became another:\n${differenceOf(wanted, picture)}`);
      const written = way.writesOf?.(spec) ?? [];
      moreWrites = Math.max(moreWrites, written.length - writes);
      if (written.length > writes + 1) throw new Error(`more than ${writes + 1} writes: ${written.join(', ')}`);
      converged += 1;
    } catch (error) {
      problems.push(`${point.moment} call ${point.call}: ${String(error)}`);
    }
  }
  return { points, converged, problems, ...(way.writesOf && { moreWrites }) };
}

/** Lines that one of two pictures has more often than the other. */
function differenceOf(wanted: string, found: string): string {
  const surplus = (text: string, other: string): string[] => {
    const rest = other.split('\n');
    return text.split('\n').filter((line) => {
      const at = rest.indexOf(line);
      if (at >= 0) rest.splice(at, 1);
      return at < 0;
    });
  };
  const missing = surplus(wanted, found).map((line) => `- ${line}`);
  return [...missing, ...surplus(found, wanted).map((line) => `+ ${line}`)].join('\n');
}
