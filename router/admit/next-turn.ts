/** Calls back once, after this turn of the event loop has read its sockets; `setImmediate` does. */
export type NextTurn = (act: () => void) => void;

/** A function that has `act` done in the next turn, once, however often it is called until then. */
export function onceInNextTurn(nextTurn: NextTurn, act: () => void): () => void {
  let isDue = false;
  const turn = (): void => {
    isDue = false;
    act();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    nextTurn(turn);
  };
}
