const hour = 3_600_000;
const dayHours = 24;

/**
 * Which share of the engineers is at work, by the hour, straight lines in between: 8 h with a ramp from 09:00 to 10:30, peaks at
 * 11:00 and 15:00, 40 % away at lunch, and 5 % after hours.
 */
const shape: readonly (readonly [hour: number, share: number])[] = [
  [0, 0.05],
  [9, 0.05],
  [10.5, 0.95],
  [11, 1],
  [12, 0.9],
  [12.5, 0.6],
  [13, 0.6],
  [13.5, 0.9],
  [15, 1],
  [17, 0.85],
  [17.5, 0.05],
  [dayHours, 0.05],
];

/** The share that is at work at a time of day, hours. */
export function shareAtWork(hourOfDay: number): number {
  const time = hourOfDay % dayHours;
  const next = shape.findIndex(([at]) => at > time);
  const [from, to] = [shape[next - 1], shape[next]];
  if (from === undefined || to === undefined) return 0;
  return from[1] + ((to[1] - from[1]) * (time - from[0])) / (to[0] - from[0]);
}

/**
 * How long somebody stays away from then on, milliseconds; 0 for who is at work. An engineer of rank 0.3 is at work while more
 * than 30 % are: those of higher ranks come later, go to lunch sooner and leave earlier.
 */
export function awayMs(hourOfDay: number, rank: number): number {
  if (shareAtWork(hourOfDay) > rank) return 0;
  const comes = shape.slice(1).flatMap(([at, share], index) => {
    const [beganAt, before] = shape[index] ?? [0, 0];
    return before <= rank && rank < share ? [beganAt + ((at - beganAt) * (rank - before)) / (share - before)] : [];
  });
  const time = hourOfDay % dayHours;
  // Who does not come any more today comes tomorrow.
  const next = comes.find((at) => at >= time) ?? dayHours + (comes[0] ?? 0);
  return hour * (next - time);
}
