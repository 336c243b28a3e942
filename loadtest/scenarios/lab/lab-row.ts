/** A line of the load lab's table. */
export interface LabRow {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly holds: boolean;
  /** Repeats it. */
  readonly command: string;
}
