// Hearing what is selected: rows and the query, the playhead, the neighbours kept ready.

import { Audition, QUERY } from "./audition";
import type { Dropped } from "./drop";
import type { QueryPanel } from "./query-panel";
import type { Results } from "./results";
import type { Row } from "./rows";
import type { Cut } from "./state";

const AUTOPLAY = "soundkin.autoplay";
const READY = [1, -1, 2];
const SOON_MS = 120;

export class Hearing {
  readonly audition = new Audition();
  /** Called with the second that is heard of a sound, at every frame; null when nothing is. */
  onMove: (soundId: string | null, second: number | null) => void = () => {};
  #results: Results;
  #query: QueryPanel;
  #frame = 0;
  #soon = 0;
  #autoplay = localStorage.getItem(AUTOPLAY) !== "off";

  constructor(results: Results, query: QueryPanel) {
    this.#results = results;
    this.#query = query;
  }

  get player() {
    return this.audition.player;
  }

  /** Whether selecting a row is hearing it. */
  get autoplay(): boolean {
    return this.#autoplay;
  }

  toggleAutoplay(): void {
    this.#autoplay = !this.#autoplay;
    localStorage.setItem(AUTOPLAY, this.#autoplay ? "on" : "off");
    this.player.onChange();
  }

  /** A row has been selected: hear it when that is wanted, and have its neighbours ready. */
  selected(play: boolean): void {
    const row = this.#results.row();
    if (row && play && this.#autoplay) this.audition.play(row);
    this.prepare();
  }

  /** Play the selected row, or stop what is heard; says whether there was a row or a sound to act on. */
  playOrStop(): boolean {
    const row = this.#results.row();
    if (this.player.take) this.player.stop();
    else if (row) this.audition.play(row);
    else return false;
    return true;
  }

  playFrom(row: Row, second: number): void {
    this.audition.play(row, second);
  }

  playQuery(name: string, cut: Cut, soundId: string | null, dropped: Dropped | null): void {
    this.audition.playQuery(name, cut, soundId, dropped);
  }

  /** Have the neighbours ready once the rows rest: while a slider moves, others come many times a second. */
  prepareSoon(): void {
    clearTimeout(this.#soon);
    this.#soon = window.setTimeout(() => this.prepare(), SOON_MS);
  }

  prepare(): void {
    clearTimeout(this.#soon);
    const { selected } = this.#results;
    this.audition.prepare(READY.map((by) => this.#results.row(selected + by)));
  }

  /** Follow the playhead as long as something is heard. */
  follow(): void {
    cancelAnimationFrame(this.#frame);
    const step = () => {
      const { take, positionS } = this.player;
      this.#results.playhead(take && take.key !== QUERY ? take.key : null, positionS);
      this.#query.playhead(take?.key === QUERY ? positionS : null);
      this.onMove(take?.soundId ?? null, positionS);
      if (take) this.#frame = requestAnimationFrame(step);
    };
    step();
  }
}
