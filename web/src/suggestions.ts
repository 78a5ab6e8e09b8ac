// Suggestions for a tag: sounds like those that bear it, each with its evidence; accepted or not, and taken back.

import * as api from "./api";
import { el, replaceKept, setText } from "./dom";
import { countOf, spaceName } from "./format";
import { errorText } from "./notice";

export interface SuggestionEvents {
  onPlay: (suggestion: api.SuggestionOut) => void;
  /** Tags have changed. */
  onChange: () => void;
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
  #undo = el("button", { type: "button", disabled: true }, "Undo");
  #tag = "";
  #space: string | null = null;
  #found: readonly api.SuggestionOut[] = [];
  /** How many decisions can be taken back. */
  #decided = 0;
  /** What was asked for last: an answer to anything older is not shown. */
  #asked = 0;

  constructor(events: SuggestionEvents) {
    this.#events = events;
    const close = el("form", { method: "dialog" }, el("button", { type: "submit" }, "Close"));
    this.#all.addEventListener("click", () => this.#decide(this.#likely.map((one) => one.sound_id), []));
    this.#undo.addEventListener("click", () => this.#after(api.takeBack(), -1));
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
    this.#show([]);
    setText(this.#said, "Listening to the sounds that bear it…");
    if (!this.root.open) this.root.showModal();
    await this.#load().catch((error: unknown) => this.#fail(error));
  }

  get #likely(): readonly api.SuggestionOut[] {
    return this.#found.filter((one) => one.probability >= LIKELY);
  }

  async #load(): Promise<void> {
    const asked = ++this.#asked;
    const found = await api.suggestions(this.#tag, this.#space);
    if (asked !== this.#asked) return;
    this.#show(found.suggestions);
    const examples = `learned from ${countOf(found.examples, "sound")} with the tag, as ${spaceName(found.space)} hears them`;
    setText(this.#said, `${countOf(found.likely, "likely one")}, ${examples}. A guess until you have heard it.`);
  }

  #show(found: readonly api.SuggestionOut[]): void {
    this.#found = found;
    this.#all.disabled = !this.#likely.length;
    replaceKept(this.#list, found.map((one) => this.#line(one)), () => this.#undo.focus());
  }

  /** What went wrong is said here: the page's own line lies behind. */
  #fail(error: unknown): void {
    setText(this.#said, errorText(error));
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
    const decided = new Set([...accept, ...reject]);
    this.#show(this.#found.filter((one) => !decided.has(one.sound_id)));
    this.#after(api.decide(this.#tag, accept, reject), 1);
  }

  /** Learn from what has been decided, or taken back. */
  #after(done: Promise<unknown>, by: number): void {
    this.#asked++;
    this.#decided += by;
    this.#undo.disabled = !this.#decided;
    setText(this.#said, "Learning from that…");
    done.then(() => {
      this.#events.onChange();
      return this.#load();
    }).catch((error: unknown) => this.#fail(error));
  }
}
