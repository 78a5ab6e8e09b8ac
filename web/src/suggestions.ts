// Suggestions for a tag: sounds like those that bear it, each with its evidence; accepted or not, and taken back.

import * as api from "./api";
import { el, replaceKept, setText } from "./dom";
import { countOf, spaceName } from "./format";

export interface SuggestionEvents {
  onPlay: (suggestion: api.SuggestionOut) => void;
  /** Tags have changed. */
  onChange: () => void;
  onError: (error: unknown) => void;
}

const LIKELY = 0.5;

/** Why a sound is suggested, in words. */
export function evidenceText(suggestion: api.SuggestionOut): string {
  const names = suggestion.evidence.slice(0, 3).map(({ name }) => name);
  return `${Math.round(suggestion.probability * 100)} % · ${names.length ? `like ${names.join(", ")}` : "no near example"}`;
}

export class Suggestions {
  readonly root: HTMLDialogElement;
  #events: SuggestionEvents;
  #title = el("h2");
  #said = el("p", { aria: { role: "status" } });
  #list = el("ul", { class: "suggestions" });
  #all = el("button", { type: "button", class: "main" }, "Accept all likely ones");
  #undo = el("button", { type: "button" }, "Undo");
  #tag = "";
  #space: string | null = null;
  #found: readonly api.SuggestionOut[] = [];

  constructor(events: SuggestionEvents) {
    this.#events = events;
    const close = el("form", { method: "dialog" }, el("button", { type: "submit" }, "Close"));
    this.#all.addEventListener("click", () => this.#decide(this.#likely.map((one) => one.sound_id), []));
    this.#undo.addEventListener("click", () => this.#after(api.takeBack()));
    this.root = el(
      "dialog",
      { class: "panel", aria: { label: "Suggestions" } },
      el("header", {}, this.#title, close),
      this.#said,
      el("p", { class: "tools" }, this.#all, this.#undo),
      this.#list,
    );
  }

  /** Suggest sounds for a tag, as a space hears them. */
  async open(tag: string, space: string | null): Promise<void> {
    this.#tag = tag;
    this.#space = space;
    setText(this.#title, `Suggested for “${tag}”`);
    await this.#load();
    if (!this.root.open) this.root.showModal();
  }

  get #likely(): readonly api.SuggestionOut[] {
    return this.#found.filter((one) => one.probability >= LIKELY);
  }

  async #load(): Promise<void> {
    const found = await api.suggestions(this.#tag, this.#space);
    this.#found = found.suggestions;
    const examples = `learned from ${countOf(found.examples, "sound")} with the tag, as ${spaceName(found.space)} hears them`;
    setText(this.#said, `${countOf(found.likely, "likely one")}, ${examples}. A guess until you have heard it.`);
    this.#all.disabled = !this.#likely.length;
    replaceKept(this.#list, this.#found.map((one) => this.#line(one)), () => this.#undo.focus());
  }

  #line(one: api.SuggestionOut): HTMLLIElement {
    const button = (label: string, sign: string, then: () => void) => {
      const made = el("button", { type: "button", aria: { label: `${label} ${one.name}` } }, sign);
      made.addEventListener("click", then);
      return made;
    };
    return el(
      "li",
      {},
      button("Play", "▶", () => this.#events.onPlay(one)),
      el("span", { class: "name", title: one.path }, one.name),
      el("span", { class: "dim" }, evidenceText(one)),
      button("Accept", "Yes", () => this.#decide([one.sound_id], [])),
      button("Reject", "No", () => this.#decide([], [one.sound_id])),
    );
  }

  #decide(accept: string[], reject: string[]): void {
    this.#after(api.decide(this.#tag, accept, reject));
  }

  #after(done: Promise<unknown>): void {
    done.then(() => {
      this.#events.onChange();
      return this.#load();
    }).catch(this.#events.onError);
  }
}
