// A slider for each space: how much timbre, rhythm, voice, ... count when sounds are compared.

import { el } from "./dom";
import type { View } from "./state";

const SLIDE_MS = 60;

/** The weights that a view's sliders stand at: a single space stands at 1, the others at 0. */
export function mixOf(view: View, spaces: readonly string[]): Record<string, number> {
  if (Object.keys(view.mix).length) return { ...view.mix };
  const one = view.space ?? spaces[0];
  return one === undefined ? {} : { [one]: 1 };
}

export class Mixer {
  readonly root = el("div", { class: "mixer", hidden: true, aria: { role: "group", label: "What counts as similar" } });
  #onMix: (mix: Record<string, number>, again: boolean) => void;
  #sliders = new Map<string, HTMLInputElement>();
  #timer = 0;
  #moving = false;

  /** `onMix` is called while a slider moves and when it is let go; `again`: not for the first time in one move. */
  constructor(onMix: (mix: Record<string, number>, again: boolean) => void) {
    this.#onMix = onMix;
  }

  setSpaces(spaces: readonly string[]): void {
    if (spaces.join() === [...this.#sliders.keys()].join()) return;
    this.#sliders.clear();
    const labels = spaces.map((space) => {
      const slider = el("input", { type: "range", min: "0", max: "1", step: "0.05" });
      slider.addEventListener("input", () => this.#slide());
      slider.addEventListener("change", () => this.#send(true));
      this.#sliders.set(space, slider);
      return el("label", {}, space, slider);
    });
    this.root.replaceChildren(...labels);
    this.root.hidden = spaces.length < 2;
  }

  show(view: View): void {
    const mix = mixOf(view, [...this.#sliders.keys()]);
    for (const [space, slider] of this.#sliders) {
      if (document.activeElement !== slider || !this.#timer) slider.value = String(mix[space] ?? 0);
    }
  }

  #slide(): void {
    this.#timer ||= window.setTimeout(() => this.#send(false), SLIDE_MS);
  }

  #send(done: boolean): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const again = this.#moving;
    this.#moving = !done;
    const mix: Record<string, number> = {};
    for (const [space, slider] of this.#sliders) {
      if (Number(slider.value) > 0) mix[space] = Number(slider.value);
    }
    if (Object.keys(mix).length) this.#onMix(mix, again);
  }
}
