import type { Engine, EngineEvent } from '../engine/engine.ts';
import type { EngineRequest } from '../engine/sequence.ts';

/** A request and when it comes in, engine milliseconds. */
export interface Arrival {
  readonly at: number;
  readonly request: EngineRequest;
}

/**
 * Runs an engine through arrivals (in order of time) until it is idle, without a clock: the loop that a virtual-time
 * experiment is made of. Returns every event in order.
 */
export function runEngine(engine: Engine, arrivals: readonly Arrival[]): EngineEvent[] {
  const events: EngineEvent[] = [];
  for (const { at, request } of arrivals) {
    for (let next = engine.nextEventAt(); next !== undefined && next < at; next = engine.nextEventAt())
      events.push(...engine.advance(next));
    engine.submit(request, at);
    events.push(...engine.advance(at));
  }
  for (let next = engine.nextEventAt(); next !== undefined; next = engine.nextEventAt())
    events.push(...engine.advance(next));
  return events;
}
