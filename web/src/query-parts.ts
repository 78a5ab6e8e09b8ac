// The parts of the query as chips: each added or subtracted, weighed, chosen for the waveform, removed.

import { el, replaceKept } from "./dom";

/** What a chip shows of a part. */
export interface PartCard {
  name: string;
  range: string;
  weight: number;
  canTurn: boolean;
}

export interface PartEvents {
  onChoose: (index: number) => void;
  onWeight: (index: number, weight: number) => void;
  onRemove: (index: number) => void;
}

const WEIGHTS = [0.25, 0.5, 1, 2, 4];

export class PartChips {
  readonly root = el("ul", { class: "parts", aria: { label: "Parts of the query" } });
  #events: PartEvents;

  constructor(events: PartEvents) {
    this.#events = events;
  }

  show(cards: readonly PartCard[], chosen: number): void {
    replaceKept(this.root, cards.map((card, index) => this.#chip(card, index, index === chosen, cards.length > 1)));
  }

  /** The range of a part while it is being moved. */
  showRange(index: number, range: string): void {
    const chip = this.root.children[index]?.querySelector(".numbers");
    if (chip) chip.textContent = range;
  }

  #chip(card: PartCard, index: number, chosen: boolean, several: boolean): HTMLLIElement {
    const { name, weight } = card;
    const minus = weight < 0;
    const side = el("button", { type: "button", class: "plain side" }, minus ? "−" : "+");
    side.setAttribute("aria-label", minus ? `Add ${name} instead of subtracting it` : `Subtract ${name} instead of adding it`);
    side.disabled = !minus && !card.canTurn;
    side.title = side.disabled ? "The only thing asked for cannot be subtracted" : minus ? "Subtracted: press to add" : "Added: press to subtract";
    side.addEventListener("click", () => this.#events.onWeight(index, -weight));
    const choose = el("button", { type: "button", class: "plain part-name" }, el("strong", {}, name), el("span", { class: "numbers" }, card.range));
    choose.setAttribute("aria-pressed", String(chosen));
    choose.title = `${name} ${card.range}`;
    choose.addEventListener("click", () => this.#events.onChoose(index));
    const remove = el("button", { type: "button", class: "plain", title: "Remove" }, "✕");
    remove.setAttribute("aria-label", `Remove ${name} from the query`);
    remove.addEventListener("click", () => this.#events.onRemove(index));
    const shown = several ? [side, choose, this.#weigh(card, index), remove] : [choose];
    return el("li", { class: minus ? "part minus" : "part" }, ...shown);
  }

  #weigh({ name, weight }: PartCard, index: number): HTMLSelectElement {
    const sizes = [...new Set([...WEIGHTS, Math.abs(weight)])].sort((a, b) => a - b);
    const box = el("select", { title: "How much it counts" }, ...sizes.map((size) => el("option", { value: String(size) }, `×${size}`)));
    box.value = String(Math.abs(weight));
    box.setAttribute("aria-label", `How much ${name} counts`);
    box.addEventListener("change", () => this.#events.onWeight(index, Number(box.value) * Math.sign(weight)));
    return box;
  }
}
