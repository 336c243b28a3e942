import type { RivalRule, RivalView } from './rival.ts';

/**
 * llm-d's default profile: queue 2, free KV cache 2, approximate prefix 3 (endpoint picker of August 2026). The queue's score
 * is relative to the shortest and the longest; of equals a random one.
 */
export function llmD(random: () => number): RivalRule {
  return best(random, (view, views) => {
    const queues = views.map(({ signals }) => signals.waiting ?? 0);
    const [least, most] = [Math.min(...queues), Math.max(...queues)];
    const queue = most === least ? 1 : (most - (view.signals.waiting ?? 0)) / (most - least);
    return 2 * queue + 2 * (1 - (view.signals.kvUse ?? 0)) + 3 * view.matched;
  });
}

/** The same router with the scorers active requests 2 and approximate prefix 3. */
export function llmDActive(random: () => number): RivalRule {
  return best(random, (view, views) => {
    const most = Math.max(...views.map(({ inFlight }) => inFlight));
    return 2 * (most === 0 ? 1 : (most - view.inFlight) / most) + 3 * view.matched;
  });
}

function best(random: () => number, scoreOf: (view: RivalView, views: readonly RivalView[]) => number): RivalRule {
  return (_work, views) => {
    const scores = views.map((view) => scoreOf(view, views));
    const highest = Math.max(...scores);
    const first = views.filter((_, i) => (scores[i] ?? 0) >= highest);
    return first[Math.floor(random() * first.length)]?.id;
  };
}
