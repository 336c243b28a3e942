import type { SharedRoom } from './shared-room.ts';

/** So much is held whatever the room: a small answer keeps its retry, and an error told under a 200 its status. */
const alwaysBytes = 16 * 1024;

/** The memory of one answer, from the shared room of all, by endpoint. */
export class HeldAnswer {
  readonly #room: SharedRoom;
  readonly #endpointId: string;
  #bytes = 0;

  constructor(room: SharedRoom, endpointId: string) {
    this.#room = room;
    this.#endpointId = endpointId;
  }

  /** Takes room for bytes that came, or nothing. */
  grow(bytes: number): boolean {
    if (this.#bytes + bytes <= alwaysBytes) this.#room.add(this.#endpointId, bytes);
    else if (!this.#room.take(this.#endpointId, bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Its client has it, or nobody will. */
  giveBack(): void {
    this.#room.giveBack(this.#endpointId, this.#bytes);
    this.#bytes = 0;
  }
}
