// Steering below the query: how close at least, the most different instead.

import { el, setText } from "./dom";
import { countOf } from "./format";
import { Mixer } from "./mixer";
import { isSimilar, type View } from "./state";

export interface SteerEvents {
  /** While the slider moves: show less or more of what is there. */
  onLeast: (least: number | null) => void;
  onView: (view: View, replace: boolean) => void;
  /** Whether an answer is awaited. */
  isAsking: () => boolean;
}

const OFF = -0.01;

/** How many are close enough, in words. */
export function closeText(least: number | null, shown: number, all: number, more: boolean): string {
  if (least === null) return "any";
  const count = shown === all && more ? `${countOf(all, "sound")} and more` : countOf(shown, "sound");
  return `${least.toFixed(2)} · ${count}`;
}

export class Steering {
  readonly root: HTMLElement;
  #events: SteerEvents;
  #view: View | null = null;
  #least = el("input", { type: "range", min: String(OFF), max: "1", step: "0.01" });
  #said = el("output", { class: "numbers" });
  #mix: Mixer;
  #open = el("button", { type: "button", class: "steer", aria: { expanded: "false" } }, "Steer…");
  #different = el("button", { type: "button", title: "The sounds least like the query, first" }, "Most different");

  /** `more` stands among the controls of a query. */
  constructor(events: SteerEvents, more: HTMLElement) {
    this.#events = events;
    this.#least.setAttribute("aria-label", "Least closeness");
    this.#least.addEventListener("input", () => events.onLeast(this.#chosen));
    this.#least.addEventListener("change", () => this.#go({ least: this.#chosen }, true));
    this.#different.addEventListener("click", () => this.#go({ different: !this.#view?.different }, false));
    this.#open.addEventListener("click", () => {
      const open = this.root.classList.toggle("open");
      this.#open.setAttribute("aria-expanded", String(open));
    });
    this.#mix = new Mixer((mix, again) => this.#go({ mix, space: null }, again), events.isAsking);
    this.root = el(
      "div",
      { class: "steering", hidden: true },
      this.#open,
      el("label", { class: "least" }, "Closeness at least", this.#least),
      this.#said,
      this.#different,
      more,
      this.#mix.root,
    );
  }

  show(view: View): void {
    this.#view = view;
    this.root.hidden = !isSimilar(view) || view.show === "duplicates";
    this.#least.value = String(view.least ?? OFF);
    this.#mix.show(view);
    this.#different.setAttribute("aria-pressed", String(view.different));
  }

  /** The spaces of the library: with several of them, each gets a slider. */
  setSpaces(spaces: readonly string[]): void {
    this.#mix.setSpaces(spaces);
    if (this.#view) this.#mix.show(this.#view);
  }

  /** The rows of what was steered to are there. */
  answered(): void {
    this.#mix.answered();
  }

  /** Say how many rows are left; `more`: the list was cut off by its length, not by closeness. */
  count(shown: number, all: number, more: boolean): void {
    const text = closeText(this.#chosen, shown, all, more);
    setText(this.#said, text);
    this.#said.classList.toggle("any", this.#chosen === null);
    this.#least.setAttribute("aria-valuetext", text);
  }

  get #chosen(): number | null {
    const value = Number(this.#least.value);
    return value < 0 ? null : value;
  }

  #go(change: Partial<View>, replace: boolean): void {
    if (this.#view) this.#events.onView({ ...this.#view, ...change }, replace);
  }
}
