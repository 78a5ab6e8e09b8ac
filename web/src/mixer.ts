// A slider for each space: how much timbre, rhythm, voice, ... count when sounds are compared.

import { el } from "./dom";
import type { View } from "./state";

/** The weights that a view's sliders stand at: a single space stands at 1, the others at 0. */
export function mixOf(view: View, spaces: readonly string[]): Record<string, number> {
  if (Object.keys(view.mix).length) return { ...view.mix };
  const one = view.space ?? spaces[0];
  return one === undefined ? {} : { [one]: 1 };
}

/** The weights that sliders stand at, without those that count nothing. */
export function mixFrom(values: Iterable<readonly [string, number]>): Record<string, number> {
  return Object.fromEntries([...values].filter(([, value]) => value > 0));
}

export class Mixer {
  readonly root = el("div", { class: "mixer", hidden: true, aria: { role: "group", label: "What counts as similar" } });
  #onMix: (mix: Record<string, number>, again: boolean) => void;
  #isAsking: () => boolean;
  #sliders = new Map<string, HTMLInputElement>();
  #view: View | null = null;
  #moving = false;
  /** A slider has moved on while an answer was awaited. */
  #behind = false;

  /**
   * `onMix` is called while a slider moves and when it is let go; `again`: not for the first time in one move.
   * While `isAsking`, a move waits: what is asked for is answered and seen before the next is asked for.
   */
  constructor(onMix: (mix: Record<string, number>, again: boolean) => void, isAsking: () => boolean) {
    this.#onMix = onMix;
    this.#isAsking = isAsking;
  }

  setSpaces(spaces: readonly string[]): void {
    if (spaces.join() === [...this.#sliders.keys()].join()) return;
    this.#sliders.clear();
    this.root.replaceChildren(...spaces.map((space) => this.#fader(space)));
    this.root.hidden = spaces.length < 2;
  }

  show(view: View): void {
    this.#view = view;
    const mix = mixOf(view, [...this.#sliders.keys()]);
    for (const [space, slider] of this.#sliders) {
      if (document.activeElement !== slider || !this.#behind) this.#set(space, mix[space] ?? 0);
    }
  }

  /** What was asked for is there: ask for what a slider stands at by now. */
  answered(): void {
    if (this.#behind) this.#send(false);
  }

  #fader(space: string): HTMLElement {
    const slider = el("input", { type: "range", min: "0", max: "1", step: "0.05", aria: { label: `How much ${space} counts` } });
    slider.addEventListener("input", () => {
      this.#set(space, Number(slider.value));
      if (this.#isAsking()) this.#behind = true;
      else this.#send(false);
    });
    slider.addEventListener("change", () => this.#send(true));
    this.#sliders.set(space, slider);
    const only = el("button", { type: "button", class: "plain", title: `Similar by ${space} alone` }, space);
    only.addEventListener("click", () => {
      for (const name of this.#sliders.keys()) this.#set(name, name === space ? 1 : 0);
      this.#send(true);
    });
    return el("div", { class: "fader" }, only, slider);
  }

  #set(space: string, value: number): void {
    const slider = this.#sliders.get(space);
    if (!slider) return;
    slider.value = String(value);
    slider.parentElement?.classList.toggle("off", value === 0);
  }

  /** Ask for what the sliders stand at; where all were let go at nothing, they go back. */
  #send(done: boolean): void {
    this.#behind = false;
    const again = this.#moving;
    this.#moving = !done;
    const mix = mixFrom([...this.#sliders].map(([space, slider]) => [space, Number(slider.value)] as const));
    if (Object.keys(mix).length) this.#onMix(mix, again);
    else if (done && this.#view) this.show(this.#view);
  }
}
