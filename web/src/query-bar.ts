// The bar on top: one box for words, a button for a file, and the filters that are on.

import { el, setText } from "./dom";
import { isSimilar, type View } from "./state";

export interface BarEvents {
  onText: (text: string) => void;
  onFile: (file: File) => void;
  onView: (view: View) => void;
  onLibrary: () => void;
  onKeys: () => void;
  onLeave: () => void;
}

const TYPING_MS = 180;

export class QueryBar {
  readonly root: HTMLElement;
  #events: BarEvents;
  #box: HTMLInputElement;
  #file: HTMLInputElement;
  #space: HTMLSelectElement;
  #chips = el("ul", { class: "chips", aria: { label: "Filters" } });
  #library = el("button", { type: "button", class: "plain library-button" }, el("strong", {}, "Soundkin"));
  #view: View | null = null;
  #timer = 0;

  constructor(events: BarEvents) {
    this.#events = events;
    this.#box = el("input", { type: "search", autocomplete: "off", spellcheck: false });
    this.#box.setAttribute("aria-label", "Search names, tags and folders");
    this.#box.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => events.onText(this.#box.value), TYPING_MS);
    });
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    this.#file = el("input", { type: "file", accept: "audio/*,video/*", hidden: true });
    this.#file.addEventListener("change", () => this.#choose());
    const choose = el("button", { type: "button", title: "Or drop a file anywhere on the page" }, "Choose a sound");
    choose.addEventListener("click", () => this.choose());
    this.#space = el("select", { hidden: true, aria: { label: "Space: what similar means" } });
    this.#space.addEventListener("change", () => {
      if (this.#view) events.onView({ ...this.#view, space: this.#space.value || null });
    });
    this.#library.addEventListener("click", () => events.onLibrary());
    const keys = el("button", { type: "button", class: "plain", title: "Keys", aria: { label: "Keys" } }, "?");
    keys.addEventListener("click", () => events.onKeys());
    this.root = el(
      "header",
      { class: "bar" },
      this.#library,
      el("search", {}, this.#box),
      choose,
      this.#file,
      this.#space,
      keys,
      this.#chips,
    );
  }

  /** Let the user choose a file. */
  choose(): void {
    this.#file.click();
  }

  focus(): void {
    this.#box.focus();
    this.#box.select();
  }

  /** Say whose library it is and how much it holds. */
  showLibrary(name: string, counts: string, spaces: readonly string[]): void {
    const label = [el("strong", {}, name), el("span", { class: "dim" }, counts)];
    this.#library.replaceChildren(...label);
    this.#library.title = "The library: folders, failures, indexing";
    if (this.#space.options.length !== spaces.length) {
      this.#space.replaceChildren(...spaces.map((space) => el("option", { value: space }, space)));
    }
    this.#space.hidden = spaces.length < 2;
  }

  show(view: View): void {
    this.#view = view;
    if (document.activeElement !== this.#box) this.#box.value = view.text;
    this.#box.placeholder = isSimilar(view) ? "Filter these by name, tag or folder" : "Name, tag or folder";
    if (view.space !== null) this.#space.value = view.space;
    const chips = [
      ...view.folders.map((folder) => this.#chip(`in ${folder}`, { ...view, folders: view.folders.filter((f) => f !== folder) })),
      ...view.tags.map((tag) => this.#chip(`tag ${tag}`, { ...view, tags: view.tags.filter((t) => t !== tag) })),
    ];
    this.#chips.replaceChildren(...chips);
    this.#chips.hidden = chips.length === 0;
  }

  #chip(label: string, without: View): HTMLLIElement {
    const remove = el("button", { type: "button", class: "plain", aria: { label: `Remove the filter: ${label}` } }, "✕");
    remove.addEventListener("click", () => this.#events.onView({ ...without, at: null }));
    const text = el("span");
    setText(text, label);
    return el("li", {}, text, remove);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key !== "Escape" && event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    clearTimeout(this.#timer);
    if (this.#view?.text !== this.#box.value) this.#events.onText(this.#box.value);
    this.#events.onLeave();
  }

  #choose(): void {
    const file = this.#file.files?.[0];
    this.#file.value = "";
    if (file) this.#events.onFile(file);
  }
}
