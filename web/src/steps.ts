// Steps from one view to the next: what a key, a button or a word asks for.

import { surprise } from "./finder";
import type { Hearing } from "./hearing";
import type { Navigator } from "./navigator";
import { addPart, partsOf } from "./parts";
import type { QuerySide } from "./query-side";
import { isWhole, type Row } from "./rows";
import { type Cut, isSimilar, similarTo, type View } from "./state";

export class Steps {
  #navigator: Navigator;
  #query: QuerySide;
  #hearing: Hearing;
  #say: (text: string) => void;

  constructor(navigator: Navigator, query: QuerySide, hearing: Hearing, say: (text: string) => void) {
    this.#navigator = navigator;
    this.#query = query;
    this.#hearing = hearing;
    this.#say = say;
  }

  /** Go to the present view with something changed. */
  change(change: Partial<View>): void {
    this.#navigator.go({ ...this.#navigator.view, ...change });
  }

  /** Go to the present view with something changed, and no row selected; a named list is left. */
  narrow(change: Partial<View>): void {
    this.change({ list: null, ...change, at: null });
  }

  /** Other words; while one types, the history gets one entry. */
  text(text: string): void {
    const { view } = this.#navigator;
    if (text === view.text) return;
    const typing = view.text !== "" && text !== "";
    this.#navigator.go({ ...view, text, list: null, at: null }, { replace: typing });
  }

  /** More like a sound, or a range of it. */
  similar(soundId: string, cut: Cut | null): void {
    this.#query.choose(0);
    this.#navigator.go(similarTo(this.#navigator.view, soundId, cut));
  }

  /** Add a row to the query or subtract it; without a query there is nothing to subtract from. */
  add(row: Row, weight: number): void {
    const { view } = this.#navigator;
    if (!isSimilar(view) && weight < 0) {
      this.#say("Ask for something first (S): then sounds can be subtracted from it.");
      return;
    }
    const before = partsOf(view).length;
    if (!before) return this.similar(row.soundId, cutOf(row));
    this.#query.choose(before);
    this.#navigator.go({ ...addPart(view, row.soundId, cutOf(row), weight), list: null });
  }

  /** A sound drawn by lot, heard, and what is like it. */
  async surprise(): Promise<void> {
    const sound = await surprise(this.#navigator.view, new AbortController().signal);
    if (!sound) return;
    this.similar(sound.sound_id, null);
    const whole = { startS: 0, endS: sound.duration_s };
    if (this.#hearing.autoplay) this.#hearing.playQuery(sound.name, whole, sound.sound_id, null);
  }

  /** Open a sound's own page, or close it when it is that one's. */
  open(soundId: string | null): void {
    this.change({ sound: soundId === this.#navigator.view.sound ? null : soundId });
  }
}

/** The range a row stands for; null when it is the whole sound. */
export function cutOf(row: Row): Cut | null {
  return isWhole(row) ? null : { startS: row.startS, endS: row.endS };
}
