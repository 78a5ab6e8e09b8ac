// A path over the map is heard point by point: at once where it is slow, one after the other where it is fast.

const STEP_MS = 90;
const MOST_WAITING = 24;

export class Scrub {
  #play: (segmentId: string) => void;
  #waiting: string[] = [];
  #last: string | null = null;
  #timer = 0;

  constructor(play: (segmentId: string) => void) {
    this.#play = play;
  }

  /** The path has come to a point; of too many that wait, the oldest go unheard. */
  reach(segmentId: string): void {
    if (segmentId === this.#last) return;
    this.#last = segmentId;
    this.#waiting.push(segmentId);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    if (!this.#timer) this.#next();
  }

  /** The path has ended: what waits is not heard any more. */
  end(): void {
    this.#waiting = [];
    this.#last = null;
  }

  #next(): void {
    const segmentId = this.#waiting.shift();
    this.#timer = 0;
    if (segmentId === undefined) return;
    this.#play(segmentId);
    this.#timer = window.setTimeout(() => this.#next(), STEP_MS);
  }
}
